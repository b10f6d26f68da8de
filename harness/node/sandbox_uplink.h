// The wire between a sandbox's nodes and its `outside`.
#pragma once

#include <string>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {

// Which of a lab's nodes: `number` counts from 1.
struct NodePlace {
  int number = 1;
  int of = 1;
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

// Called in the node's network namespace: `lo` up in both, a veth pair named eth0 in both, with the addresses of
// sandbox.h, fixed MAC addresses and fixed link-local addresses (fe80::2, fe80::1), the node's default routes through
// the outside. Returns when both ends are operationally UP: nothing changes by itself afterwards. Where the kernel has
// no IPv6, IPv4 alone is set up; the result says whether there is IPv6.
// In a lab of several nodes the outside's end is a port, named as the node, of the segment that stands there.
Result<bool> wire_uplink(const NetworkNamespace& outside, const NodePlace& place, Deadline deadline);

// Called in the outside's network namespace of a lab of several nodes: the segment, a bridge named eth0, with the
// outside's addresses where node 1 is here (`first`, the number of the first that is). It is up before it has a port (a
// bridge that is raised with one that could forward is told to be operational up to a second later,
// linkwatch_urgent_event in net/core/link_watch.c).
Result<void> make_segment(int first);
// Called there, too: every VLAN in it becomes a port of the segment.
Result<void> take_in_other_parts();

}  // namespace netns_lab::node
