// Settings of a machine that would make a right network look wrong. A sandbox sets its node's own, but what a new
// namespace starts with it has from the machine (net.core.devconf_inherit_init_net), and `host` is the machine.
//
//   for (const std::string& obstacle : spoiling_sysctls(*before.find_namespace(""), Family::kIpv4)) ...
//   -> "net.ipv4.conf.all.arp_ignore is 8, not 0 (whether it answers ARP)"
#pragma once

#include <string>
#include <vector>

#include "harness/model/snapshot.h"

namespace netns_lab {

// Of a namespace as it is before a target has touched it; keys that were not read are passed over. Each was seen to
// fail part 1 in this family when it alone was set otherwise. Source: Documentation/networking/ip-sysctl.rst.
std::vector<std::string> spoiling_sysctls(const NamespaceState& state, Family family);

}  // namespace netns_lab
