// Part 2 of the tutorial series: two namespaces on a bridge of their node.
//
//   namespace $CON1                            node                          namespace $CON2
//   veth11 $IP1/24 ------ veth10 --+-- br0 $BRIDGE_IP/24 --+-- veth20 ------ veth21 $IP2/24
//   default via $BRIDGE_IP                eth0 $NODE_IP                      default via $BRIDGE_IP
//
// In IPv6 the same with addresses of 64-bit subnets (docs/scenarios/bridge.md).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "harness/model/scenario.h"

namespace netns_lab::bridge {

// The roles. `native` and `script` targets must use these names; the tutorial has them fixed in its script.
inline constexpr auto kBridge = "br0";
struct Pair {
  const char* port;   // on the node, a port of the bridge
  const char* inner;  // in the namespace
};
inline constexpr std::array<Pair, 2> kPairs = {{{"veth10", "veth11"}, {"veth20", "veth21"}}};

// The tutorial's subnet is a /24; IPv6's is a /64, as on any link (RFC 4291, 2.5.1).
std::uint8_t prefix_length(Family family);

// The route to its subnet that an address brings along, made by the kernel (fib_add_ifaddr, net/ipv4/fib_frontend.c;
// addrconf_prefix_route, net/ipv6/addrconf.c).
Route connected_route(const Prefix& own, const std::string& link);

// The parameters' names for one node and family, and what is told to whoever gives a wrong value.
struct Names {
  const char* node;
  const char* bridge;
  std::array<const char*, 2> containers;
  const char* example;
};
const Names& names_of(Family family);

// The network of one node by those parameters; $CON1 and $CON2 name the containers. kInvalid for a wrong one.
Result<Topology> lay_out(const Parameters& parameters, Family family, const Names& names);

Scenario scenario();

}  // namespace netns_lab::bridge
