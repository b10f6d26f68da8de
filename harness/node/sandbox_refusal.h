// Why a machine does not let us make namespaces, and the command that mends it.
#pragma once

#include <string>

#include "harness/base/error.h"

namespace netns_lab::node {

// What the machine's settings say; read from below `proc_sys` ("/proc/sys"; tests pass a folder of their own).
struct NamespaceSettings {
  std::string max_user_namespaces;  // user.max_user_namespaces; "" unknown
  std::string max_net_namespaces;   // user.max_net_namespaces
  std::string unprivileged_clone;   // kernel.unprivileged_userns_clone (Debian's patch)
  std::string apparmor_restricts;   // kernel.apparmor_restrict_unprivileged_userns (Ubuntu 23.10 and later)
  bool in_container = false;        // docker and podman leave a file behind
  static NamespaceSettings read(const std::string& proc_sys = "/proc/sys");
};

// kMissing for what the machine's owner can mend (EPERM, EACCES, ENOSPC, EUSERS, EROFS); otherwise plain kSystem.
// EPERM after a successful unshare of a user namespace is AppArmor's way (Ubuntu 24.04): the capabilities are refused,
// not the namespace.
Error explain_refusal(std::string attempted, int system_errno, const NamespaceSettings& settings);
// The same for an error that a lower layer made.
Error explain_refusal(Error error, const NamespaceSettings& settings);

}  // namespace netns_lab::node
