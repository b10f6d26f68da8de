// Part 4 of the tutorial series: two nodes on different segments, a router between them that knows nothing of the
// containers, part 2 on each of the nodes, and a tunnel through which they route between their containers.
//
//   node-1                                                       node-2
//   $CON1, $CON2 on br0 $BRIDGE_IP, in $BRIDGE_SUBNET            $CON1, $CON2 on br0 $TO_BRIDGE_IP, in
//   $TO_BRIDGE_SUBNET forwards; $TO_BRIDGE_SUBNET via $TO_TUNNEL_IP                forwards; $BRIDGE_SUBNET via
//   $TUNNEL_IP vxlan0 or tun0 $TUNNEL_IP  ═══════════ UDP to $PORT ═══════════  $TO_TUNNEL_IP vxlan0 or tun0 eth0
//   $NODE_IP ────────── segment ── router ── segment ────────── eth0 $TO_NODE_IP
//
// $TUNNEL says which: `vxlan`, Ethernet frames in network $VNI (RFC 7348), whose forwarding entries are learned or not
// ($FDB); or `tun`, bare IP packets by a relay. The parameters are those of node-1; node-2 sees each $X as $TO_X and
// each $TO_X as $X. In IPv6 the same, underlay and all (docs/scenarios/overlay.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "suites/multi-node/scenario.h"

namespace netns_lab::overlay {

// The roles.
inline constexpr auto kVxlanLink = "vxlan0";
inline constexpr auto kTunLink = "tun0";

// What the parameters say of the tunnel, as one node sees it.
struct Tunnel {
  bool is_vxlan = true;
  bool learns = true;      // VXLAN: of the senders' MAC addresses; else they are entered
  std::uint32_t vni = 0;   // VXLAN
  std::uint16_t port = 0;  // UDP
  std::uint32_t mtu = 0;   // what fits into the uplink's, with the headers before it
  Prefix address;          // of this end's link
  IpAddress other;         // the other's, on the same subnet
  MacAddress mac;          // VXLAN: of this end's link, and of the other's
  MacAddress other_mac;
  const char* link() const { return is_vxlan ? kVxlanLink : kTunLink; }
};
// kInvalid for parameters that make none. `node`: 0 or 1.
Result<Tunnel> tunnel_of(const Parameters& parameters, Family family, std::size_t node);

// Bytes that stand before the inner packet on the underlay, outer IP header included: of VXLAN 50 (IPv6: 70), of a bare
// packet in UDP 28 (48).
std::uint32_t overhead(bool is_vxlan, Family family);

Scenario scenario();

}  // namespace netns_lab::overlay
