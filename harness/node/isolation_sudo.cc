#include "harness/node/isolation_sudo.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "harness/node/isolation_mount.h"
#include "harness/node/isolation_overlay.h"

namespace netns_lab::node {

const char* const kSudoScript = R"(#!/bin/sh
# netns-lab: you are root on this node already; this runs its arguments as they are.
refuse() { echo "sudo (netns-lab): $1" >&2; exit 1; }
only_root() { case "$1" in root|'#0'|0) ;; *) refuse "only root exists on this node, not $1" ;; esac; }
# As sudoers(5) has it unless told otherwise (env_reset): the caller's variables do not come along. All options are read
# first. The names of our own variables begin with _sudo_.
_sudo_kept=' HOME PATH SHELL TERM USER LOGNAME MAIL PWD LANG LANGUAGE LINGUAS TZ COLORTERM COLORS DISPLAY HOSTNAME LS_COLORS PS1 PS2 '
_sudo_all= _sudo_shell= _sudo_count=0
while [ $# -gt 0 ]; do
  case "$1" in
    --) shift; break ;;
    -u|--user|-g|--group) [ $# -ge 2 ] || refuse "$1 needs a name"; only_root "$2"; shift 2 ;;
    --user=*|--group=*) only_root "${1#*=}"; shift ;;
    --preserve-env) _sudo_all=1; shift ;;
    --preserve-env=*)
      _sudo_names=${1#*=},
      while [ -n "$_sudo_names" ]; do _sudo_kept="$_sudo_kept${_sudo_names%%,*} "; _sudo_names=${_sudo_names#*,}; done
      shift ;;
    --non-interactive|--set-home|--stdin) shift ;;
    --login|--shell) _sudo_shell=1; shift ;;
    --validate|--reset-timestamp|--remove-timestamp) exit 0 ;;
    -C|-p|-D|--close-from|--prompt|--chdir) refuse "option $1 is not known here; known: -E -n -H -S -u -g -i -s -v -k" ;;
    -?*)
      _sudo_letters=${1#-}
      while [ -n "$_sudo_letters" ]; do
        _sudo_rest=${_sudo_letters#?}
        _sudo_letter=${_sudo_letters%"$_sudo_rest"}
        case "$_sudo_letter" in
          E) _sudo_all=1 ;;
          n|H|S|P) ;;
          i|s) _sudo_shell=1 ;;
          v|k|K) [ $# -gt 1 ] || exit 0 ;;
          u|g)
            if [ -n "$_sudo_rest" ]; then only_root "$_sudo_rest"; _sudo_rest=
            else [ $# -ge 2 ] || refuse "-$_sudo_letter needs a name"; only_root "$2"; shift; fi ;;
          *) refuse "option -$_sudo_letter is not known here; known: -E -n -H -S -u -g -i -s -v -k" ;;
        esac
        _sudo_letters=$_sudo_rest
      done
      shift ;;
    [A-Za-z_]*=*)
      _sudo_name=${1%%=*}
      case "$_sudo_name" in *[!A-Za-z0-9_]*) break ;; esac
      _sudo_count=$((_sudo_count + 1))
      eval "_sudo_name_$_sudo_count=\$_sudo_name _sudo_value_$_sudo_count=\${1#*=}"
      shift ;;
    *) break ;;
  esac
done
if [ -z "$_sudo_all" ]; then
  for _sudo_name in $(env 2>/dev/null | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' 2>/dev/null); do
    case "$_sudo_kept" in *" $_sudo_name "*) continue ;; esac
    case "$_sudo_name" in LC_*|_sudo_*|SHELLOPTS|BASHOPTS) ;; *) unset "$_sudo_name" 2>/dev/null ;; esac
  done
fi
while [ "$_sudo_count" -gt 0 ]; do
  eval "export \"\$_sudo_name_$_sudo_count=\$_sudo_value_$_sudo_count\""
  _sudo_count=$((_sudo_count - 1))
done
# Assignments may stand behind -- too.
while [ $# -gt 0 ]; do
  case "$1" in
    [A-Za-z_]*=*) _sudo_name=${1%%=*}; case "$_sudo_name" in *[!A-Za-z0-9_]*) break ;; esac; export "$_sudo_name=${1#*=}"; shift ;;
    *) break ;;
  esac
done
export SUDO_USER=root SUDO_UID=0 SUDO_GID=0
if [ -n "$_sudo_shell" ]; then
  [ $# -eq 0 ] && exec "${SHELL:-/bin/sh}"
  exec "${SHELL:-/bin/sh}" -c '"$0" "$@"' "$@"
fi
[ $# -gt 0 ] || refuse "nothing to run"
exec "$@"
)";

Result<void> install_sudo(const std::string& scratch) {
  const std::string folder = scratch + "/bin";
  const std::string script = folder + "/sudo";
  const auto failed = [](const std::string& path) {
    return tl::unexpected(Error::system(fmt::format("write {}", path), errno));
  };
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return failed(folder);
  {
    const UniqueFd file(::open(script.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755));
    const auto length = static_cast<ssize_t>(std::strlen(kSudoScript));
    if (!file.valid() || ::fchmod(file.get(), 0755) != 0 ||
        ::write(file.get(), kSudoScript, static_cast<std::size_t>(length)) != length) {
      return failed(script);
    }
  }
  if (::access("/usr/bin/sudo", F_OK) != 0) return cover_with("/usr/bin", folder);
  NETNS_LAB_ASSIGN(const UniqueFd copy, copy_of_mount(script, Subtree::kThisMountOnly));
  return attach_mount(copy, "/usr/bin/sudo");
}

}  // namespace netns_lab::node
