#include "harness/node/sandbox_refusal.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>

namespace netns_lab::node {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string remedy_of(int system_errno, const NamespaceSettings& settings) {
  if (system_errno == ENOSPC) {
    // ucounts: the same errno for each kind of namespace, and for a quota of 0.
    return "the quota of namespaces is used up (user.max_user_namespaces=" + settings.max_user_namespaces +
           ", user.max_net_namespaces=" + settings.max_net_namespaces +
           "): end other labs, or run as root: sysctl user.max_user_namespaces=65536 user.max_net_namespaces=65536";
  }
  if (system_errno == EUSERS) return "user namespaces are nested too deeply here (32 levels at most)";
  if (system_errno == EROFS) {
    return "/proc/sys cannot be written here; in docker add --security-opt systempaths=unconfined --security-opt "
           "seccomp=unconfined";
  }
  if (settings.unprivileged_clone == "0") return "run as root: sysctl kernel.unprivileged_userns_clone=1";
  if (settings.apparmor_restricts == "1") {
    return "AppArmor refuses capabilities in user namespaces; run as root: sysctl "
           "kernel.apparmor_restrict_unprivileged_userns=0";
  }
  if (settings.max_user_namespaces == "0") return "run as root: sysctl user.max_user_namespaces=65536";
  if (settings.in_container) {
    return "in a container add: --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt "
           "systempaths=unconfined; in a chroot: run as root";
  }
  return "run as root (in a chroot nobody else can), or allow unprivileged user namespaces; netns-lab doctor says more";
}

bool owner_can_mend(int system_errno) {
  return system_errno == EPERM || system_errno == EACCES || system_errno == ENOSPC || system_errno == EUSERS ||
         system_errno == EROFS;
}

}  // namespace

NamespaceSettings NamespaceSettings::read(const std::string& proc_sys) {
  return {.max_user_namespaces = first_line(proc_sys + "/user/max_user_namespaces"),
          .max_net_namespaces = first_line(proc_sys + "/user/max_net_namespaces"),
          .unprivileged_clone = first_line(proc_sys + "/kernel/unprivileged_userns_clone"),
          .apparmor_restricts = first_line(proc_sys + "/kernel/apparmor_restrict_unprivileged_userns"),
          .in_container = ::access("/.dockerenv", F_OK) == 0 || ::access("/run/.containerenv", F_OK) == 0};
}

Error explain_refusal(Error error, const NamespaceSettings& settings) {
  if (error.kind != ErrorKind::kSystem || !owner_can_mend(error.system_errno)) return error;
  error.kind = ErrorKind::kMissing;
  error.remedy = remedy_of(error.system_errno, settings);
  return error;
}

Error explain_refusal(std::string attempted, int system_errno, const NamespaceSettings& settings) {
  return explain_refusal(Error::system(std::move(attempted), system_errno), settings);
}

}  // namespace netns_lab::node
