// A container's port, published on its node: part 2's bridge, and a port of the node's addresses that is the first
// container's.
//
//   outside ─── eth0 $NODE_IP         node: forwards, $HOST_PORT is $IP1:$CONTAINER_PORT
//                                     br0 $BRIDGE_IP/24
//                       veth10 ───────┴─────── veth20
//                         |                      |
//                 veth11 $IP1/24          veth21 $IP2/24
//                 namespace $CON1         namespace $CON2      default via $BRIDGE_IP
//
// In IPv6 the same with addresses of 64-bit subnets (docs/scenarios/port-mapping.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "harness/model/scenario.h"

namespace netns_lab::port_mapping {

// The links are those of part 2 (suites/bridge/scenario.h).
inline constexpr auto kTable = "nat";  // of nftables, family ip (IPv6: ip6): that of `iptables -t nat` as well

// What the parameters say beyond addresses and names.
struct Mapping {
  std::uint16_t host_port = 0;
  std::uint16_t container_port = 0;
  bool preserves_source = true;           // else the container sees the bridge's address
  std::optional<bool> bridge_calls_nf{};  // bridged packets meet the rules; none: as it is
  IpAddress bridge;
};
// kInvalid, in one line, for what cannot be.
Result<Mapping> mapping_of(const Parameters& parameters, Family family);

Scenario scenario();

}  // namespace netns_lab::port_mapping
