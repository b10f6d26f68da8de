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
# As sudoers(5) has it unless told otherwise (env_reset): the caller's variables do not come along.
keep=' HOME PATH SHELL TERM USER LOGNAME MAIL PWD LANG LANGUAGE LINGUAS TZ COLORTERM COLORS DISPLAY HOSTNAME LS_COLORS PS1 PS2 '
reset_environment() {
  [ -n "$keep" ] || return 0
  for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    case "$keep" in *" $name "*) continue ;; esac
    case "$name" in LC_*) ;; *) unset "$name" ;; esac
  done
  keep=
}
shell=
while [ $# -gt 0 ]; do
  case "$1" in
    --) shift; break ;;
    -u|--user|-g|--group) [ $# -ge 2 ] || refuse "$1 needs a name"; only_root "$2"; shift 2 ;;
    --user=*|--group=*) only_root "${1#*=}"; shift ;;
    --preserve-env) keep=; shift ;;
    --preserve-env=*) names=${1#*=}, ; while [ -n "$names" ]; do keep="$keep${names%%,*} "; names=${names#*,}; done; shift ;;
    --non-interactive|--set-home|--stdin) shift ;;
    --login|--shell) shell=1; shift ;;
    --validate|--reset-timestamp|--remove-timestamp) exit 0 ;;
    -C|-p|-D|--close-from|--prompt|--chdir) refuse "option $1 is not known here; known: -E -n -H -S -u -g -i -s -v -k" ;;
    -?*)
      letters=${1#-}
      while [ -n "$letters" ]; do
        rest=${letters#?}
        letter=${letters%"$rest"}
        case "$letter" in
          E) keep= ;;
          n|H|S|P) ;;
          i|s) shell=1 ;;
          v|k|K) [ $# -gt 1 ] || exit 0 ;;
          u|g)
            if [ -n "$rest" ]; then only_root "$rest"; rest=; else [ $# -ge 2 ] || refuse "-$letter needs a name"; only_root "$2"; shift; fi ;;
          *) refuse "option -$letter is not known here; known: -E -n -H -S -u -g -i -s -v -k" ;;
        esac
        letters=$rest
      done
      shift ;;
    [A-Za-z_]*=*)
      name=${1%%=*}
      case "$name" in *[!A-Za-z0-9_]*) break ;; esac
      value=${1#*=}; assigned=$name; reset_environment; export "$assigned=$value"; shift ;;
    *) break ;;
  esac
done
reset_environment
# Assignments may stand behind -- too.
while [ $# -gt 0 ]; do
  case "$1" in
    [A-Za-z_]*=*) name=${1%%=*}; case "$name" in *[!A-Za-z0-9_]*) break ;; esac; export "$name=${1#*=}"; shift ;;
    *) break ;;
  esac
done
export SUDO_USER=root SUDO_UID=0 SUDO_GID=0
if [ -n "$shell" ]; then
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
