// The sysctls of a node that are set to a known value, because the kernel, or the machine's own settings, would make a
// verdict depend on where it runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"

namespace netns_lab::node {

struct PinnedSysctl {
  const char* path;  // below /proc/sys
  const char* value;
  bool required;  // false: kernels without it are fine
  const char* why;
};

// In the order in which they are set: ip_forward first, for writing it resets others.
const std::vector<PinnedSysctl>& pinned_sysctls();

// Whether a key may have another value than in a new namespace because those are set: theirs, and what the kernel sets
// along with them (devinet_sysctl_forward, net/ipv4/devinet.c; addrconf_fixup_forwarding, net/ipv6/addrconf.c).
bool may_be_pinned(std::string_view key);

// Sets them in the calling thread's network namespace. kMissing, with the flag to add, where a required one cannot be
// written. Returns, in words, what namespaces that are made later start with when that is not what one would expect:
// they inherit from the machine's own namespace, not from ours (net.core.devconf_inherit_init_net), and a user
// namespace cannot change that.
Result<std::vector<std::string>> pin_sysctls();

}  // namespace netns_lab::node
