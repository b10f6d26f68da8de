// Part 3 of the tutorial series: two nodes on one segment, part 2 on each of them, and the nodes as routers between
// their containers.
//
//   node-1                                                      node-2
//   $CON1, $CON2 on br0 $BRIDGE_IP, in $BRIDGE_SUBNET           $CON1, $CON2 on br0 $TO_BRIDGE_IP, in $TO_BRIDGE_SUBNET
//   forwards; $TO_BRIDGE_SUBNET via $TO_NODE_IP                 forwards; $BRIDGE_SUBNET via $NODE_IP
//   eth0 $NODE_IP ------------------------ segment ------------------------ eth0 $TO_NODE_IP
//
// The parameters are those of node-1; node-2 sees each $X as $TO_X and each $TO_X as $X. In IPv6 the same with subnets
// of 64 bits (docs/scenarios/multi-node.md).
#pragma once

#include <cstddef>

#include "suites/bridge/scenario.h"

namespace netns_lab::multi_node {

// Scenarios of several nodes run in sandboxes only, whose uplink has this name (harness/node/sandbox.h).
inline constexpr auto kUplink = "eth0";

// The sysctl that makes a node a router.
const char* forwarding_sysctl(Family family);

Scenario scenario();

}  // namespace netns_lab::multi_node
