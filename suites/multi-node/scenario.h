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

#include <array>
#include <cstddef>

#include "suites/bridge/scenario.h"

namespace netns_lab::multi_node {

// Scenarios of several nodes run in sandboxes only, whose uplink has this name (harness/node/sandbox.h).
inline constexpr auto kUplink = "eth0";

// The parameters' names for one side, in one family; of the nodes in their order.
struct Side {
  bridge::Names names;
  const char* subnet;
  const char* subnet_example;
};
const std::array<Side, 2>& sides_of(Family family);

// What a node's parameters say, each checked and with one another (kInvalid).
struct Surroundings {
  IpAddress node;
  IpAddress to_node;
  Prefix subnet;
  Prefix to_subnet;
};
Result<Surroundings> surroundings(const Parameters& parameters, Family family, const Side& own, const Side& other);

// Makes the node a router, with a route to the other one's containers; and takes both away again.
void add_routing(Topology& topology, Family family, const Route& way_over);

Scenario scenario();

}  // namespace netns_lab::multi_node
