// The wire between a sandbox's node and its `outside`.
#pragma once

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {

// Called in the node's network namespace: `lo` up in both, a veth pair named eth0 in both, with the addresses of
// sandbox.h, fixed MAC addresses and fixed link-local addresses (fe80::2, fe80::1), the node's default routes through
// the outside. Returns when both ends are operationally UP: nothing changes by itself afterwards. Where the kernel has
// no IPv6, IPv4 alone is set up; the result says whether there is IPv6.
Result<bool> wire_uplink(const NetworkNamespace& outside, Deadline deadline);

}  // namespace netns_lab::node
