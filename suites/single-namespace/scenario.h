// Part 1 of the tutorial series: one namespace, joined to its node by one veth pair.
//
//        node                                namespace $CON
//   eth0 (uplink)   veth1 ----------------- veth2  $IP/32      lo
//   route $IP/32 dev veth1                  default via $IP dev veth2
//
// In IPv6 an own address as gateway is refused by the kernel, so veth1 carries the fixed link-local address fe80::1
// there and the namespace's default route goes via it (docs/scenarios/single-namespace.md).
#pragma once

#include <string>

#include "harness/model/scenario.h"

namespace netns_lab::single_namespace {

// The roles. `native` and `script` targets must use these names; the tutorial has them fixed in its script.
inline constexpr auto kHostLink = "veth1";
inline constexpr auto kContainerLink = "veth2";
// veth1's address in the IPv6 variant.
inline constexpr auto kHostLinkLocal = "fe80::1";

Scenario scenario();

// The container's address for one family: parameter IP (IPv4) or IP6 (IPv6). kInvalid names the parameter and what is
// wrong with it.
Result<IpAddress> container_address(const Parameters& parameters, Family family);
// Checks CON as a name that `ip netns add` takes; kInvalid otherwise.
Result<std::string> namespace_name(const Parameters& parameters);

}  // namespace netns_lab::single_namespace
