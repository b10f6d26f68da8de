// The wire between a sandbox's nodes and its `outside`.
#pragma once

#include <string>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/model/scenario.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {

// Which of a lab's nodes: `number` counts from 1.
struct NodePlace {
  int number = 1;
  int of = 1;
  Underlay underlay = Underlay::kOneSegment;  // of several
  // In another machine than the outside (SandboxShare): what is beside it leads there.
  bool away = false;
  bool is_routed() const { return of > 1 && underlay == Underlay::kRouted; }
  // Whether its far end is a port of a segment that is beside it; else it is the outside's own.
  bool is_port() const { return of > 1 && (away || !is_routed()); }
};
std::string node_name(int number);  // "node-2"

// With their prefix lengths.
struct EndAddresses {
  std::string ipv4;
  std::string ipv6;
  std::string link_local;
};
struct UplinkAddresses {
  EndAddresses node;
  EndAddresses outside;
};
UplinkAddresses uplink_addresses(const NodePlace& place);  // sandbox.h lists them
// The outside's link that has its addresses for that node: eth0, or the router's link to it, named as the node.
std::string outside_link(const NodePlace& place);

// Called in the node's network namespace: `lo` up in both, a veth pair named eth0 in both, with the addresses of
// sandbox.h, fixed MAC addresses and fixed link-local addresses (fe80::2, fe80::1), the node's default routes through
// the outside. Returns when both ends are operationally UP: nothing changes by itself afterwards. Where the kernel has
// no IPv6, IPv4 alone is set up; the result says whether there is IPv6.
// In a lab of several nodes the outside's end is named as the node: a port of the segment that stands there, or,
// routed, a link of the router.
Result<bool> wire_uplink(const NetworkNamespace& outside, const NodePlace& place, Deadline deadline);

// Called in the outside's network namespace of a lab of several nodes: the segment, a bridge named eth0, with the
// outside's addresses where that is (a part that is away from it has none). It is up before it has a port (a bridge
// that is raised with one that could forward is told to be operational up to a second later, linkwatch_urgent_event in
// net/core/link_watch.c).
Result<void> make_segment(const NodePlace& first);
// The same of a routed one: packets are forwarded between the nodes' links.
Result<void> make_router();
// Called there, too, once the links that lead to the nodes of other parts are in it, each named as its node: ports of
// the segment, or ends of the router.
Result<void> take_in_other_parts(const NodePlace& first);

}  // namespace netns_lab::node
