// Part 2 of the tutorial series at scale: $CONTAINERS namespaces on a bridge of their node, each reached by every
// other. `netns-lab test bridge --containers N` is this scenario with CONTAINERS=N.
//
//   namespace netns1                        node                        namespace netnsN
//   veth11 $BRIDGE_IP+1/21 ---- veth10 --+-- br0 $BRIDGE_IP/21 --+-- vethN0 ---- vethN1 $BRIDGE_IP+N/21
//   default via $BRIDGE_IP                                           default via $BRIDGE_IP
//
// In IPv6 the same with addresses of a 64-bit subnet (docs/scenarios/bridge-scale.md).
#pragma once

#include <cstdint>
#include <string>

#include "harness/model/scenario.h"

namespace netns_lab::bridge_scale {

inline constexpr auto kBridge = "br0";
inline constexpr std::uint32_t kFewest = 3;    // with two it is `bridge`
inline constexpr std::uint32_t kMost = 1'023;  // ports of a bridge (BR_MAX_PORTS - 1, net/bridge/br_private.h)

// Of container `number`, from 1: the tutorial's names, carried on.
std::string namespace_of(std::uint32_t number);  // "netns7"
std::string port_of(std::uint32_t number);       // "veth70", on the node
std::string inner_of(std::uint32_t number);      // "veth71", in the namespace

// The smallest IPv4 subnet that holds 1,023 containers, their bridge, and the two addresses that are nobody's.
std::uint8_t prefix_length(Family family);

// The route to its subnet that an address brings along.
Route connected_route(const Prefix& own, const std::string& link);

Scenario scenario();

}  // namespace netns_lab::bridge_scale
