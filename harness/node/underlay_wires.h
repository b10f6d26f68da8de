// Wires between machines that share a network which is not ours: what the harness sends there is UDP from one machine
// to another, and nothing of that network is touched. Each wire is a TAP device (made like those of
// harness/node/wires.h) whose frames a process carries:
//
//   machine 1                                                              machine 2
//   VLANs of labs ── wire-2 (TAP) ── carrier ── UDP ══ their network ══ UDP ── carrier ── wire-1 (TAP) ── VLANs of labs
//   '───────── a namespace of ours ────────'
//
// A wire has an MTU of 1500 whatever that network has: the kernel sends what is too long in fragments (the datagrams
// never say "don't fragment"), and no lab is told of it. A tunnel device of the kernel would tell: VXLAN notes a
// smaller path MTU in the routes of whoever routes into it, and where it is a bridge's port answers a packet that must
// not be fragmented (skb_tunnel_check_pmtu, net/ipv4/ip_tunnel_core.c; drivers/net/vxlan/vxlan_core.c).
//
// All of it ends with the process that made it: devices, namespace, sockets, carrier.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/address.h"

namespace netns_lab::node {

// One end of it. Machines are numbered as the nodes in them are, 1 to 254.
struct UnderlayWire {
  int own = 1;
  int peer = 2;
  IpAddress local;  // of this machine in the network that they share, IPv4
  IpAddress remote;
  std::uint16_t port = 0;  // UDP, of both ends
  bool operator==(const UnderlayWire&) const = default;
};
std::string to_string(const UnderlayWire& wire);  // "1,2,10.1.2.3,10.1.2.4,23456": how an agent is told
Result<UnderlayWire> parse_underlay_wire(const std::string& text);

// As root: makes them in a namespace of their own, in which the calling process (of one thread) is from then on, and
// waits until the other ends answer. Returns what is readable when frames are not carried any more (a pidfd). kMissing
// without TAP devices, or when the address is not this machine's; kTaken for a port that is in use; kTimeout, naming
// the wire, when the other end does not answer packets of the full size.
Result<UniqueFd> lay_underlay_wires(const std::vector<UnderlayWire>& wires,
                                    std::chrono::milliseconds patience = std::chrono::seconds(40));

}  // namespace netns_lab::node
