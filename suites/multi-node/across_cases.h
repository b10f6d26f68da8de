// The cases of a scenario whose two nodes route between their containers, in three parts; what is the scenario's own
// stands between them.
//
//   NETNS_LAB_ROUTING_BETWEEN_NODES(MultiNode, "multi-node");   // MultiNode.NodesForward judges multi-node.forwarding,
//   …
//
// The fixture is a MultiNode.
#pragma once

#include "suites/multi-node/fixture.h"

#define NETNS_LAB_BETWEEN_NODES(fixture, name, id, judge) \
  TEST_P(fixture, name) {                                 \
    REQUIREMENT(id);                                      \
    judge();                                              \
  }

#define NETNS_LAB_ROUTING_BETWEEN_NODES(fixture, scenario)                                                        \
  NETNS_LAB_BETWEEN_NODES(fixture, NodesForward, scenario ".forwarding", judge_nodes_forward)                     \
  NETNS_LAB_BETWEEN_NODES(fixture, NodesHaveExactlyOneRouteToEachOthersContainers, scenario ".node-route",        \
                          judge_nodes_have_exactly_one_route)                                                     \
  NETNS_LAB_BETWEEN_NODES(fixture, NodesKernelsChooseTheOtherNode, scenario ".remote-chosen",                     \
                          judge_nodes_kernels_choose_the_other_node)                                              \
  NETNS_LAB_BETWEEN_NODES(fixture, NodesKernelsForwardToTheOtherNodeAndToTheBridge, scenario ".forwarded-chosen", \
                          judge_nodes_kernels_forward)                                                            \
  NETNS_LAB_BETWEEN_NODES(fixture, ContainersKernelsChooseTheirBridge, scenario ".containers-remote-chosen",      \
                          judge_containers_kernels_choose_their_bridge)                                           \
  static_assert(true, "a semicolon may follow")

#define NETNS_LAB_ECHOES_BETWEEN_NODES(fixture, scenario)                                                  \
  NETNS_LAB_BETWEEN_NODES(fixture, ContainersReachThoseOfTheOtherNode, scenario ".container-to-container", \
                          judge_containers_reach_those_of_the_other_node)                                  \
  NETNS_LAB_BETWEEN_NODES(fixture, NodesReachEachOthersContainers, scenario ".node-to-containers",         \
                          judge_nodes_reach_each_others_containers)                                        \
  NETNS_LAB_BETWEEN_NODES(fixture, ContainersReachTheOtherNode, scenario ".containers-to-node",            \
                          judge_containers_reach_the_other_node)                                           \
  NETNS_LAB_BETWEEN_NODES(fixture, EchoesOfTheFullMtuAreAnswered, scenario ".full-mtu",                    \
                          judge_echoes_of_the_full_mtu_are_answered)                                       \
  static_assert(true, "a semicolon may follow")

#define NETNS_LAB_TRANSPORT_BETWEEN_NODES(fixture, scenario)                                                       \
  NETNS_LAB_BETWEEN_NODES(fixture, FragmentedEchoesAreAnswered, scenario ".fragmented",                            \
                          judge_fragmented_echoes_are_answered)                                                    \
  NETNS_LAB_BETWEEN_NODES(fixture, UdpIsEchoed, scenario ".udp", judge_udp_is_echoed)                              \
  NETNS_LAB_BETWEEN_NODES(fixture, TcpIsEchoed, scenario ".tcp", judge_tcp_is_echoed)                              \
  NETNS_LAB_BETWEEN_NODES(fixture, SourcesAreUnchanged, scenario ".source-unchanged", judge_sources_are_unchanged) \
  static_assert(true, "a semicolon may follow")

// These change the network, so they get a fresh lab and come last. They share it: torn down, rebuilt.
#define NETNS_LAB_LIFE_OF_TWO_NODES(fixture, scenario)                                            \
  NETNS_LAB_BETWEEN_NODES(fixture, TearDownLeavesNothing, scenario ".tear-down", judge_tear_down) \
  NETNS_LAB_BETWEEN_NODES(fixture, RebuildWorks, scenario ".rebuild", judge_two_nodes_rebuild)    \
  static_assert(true, "a semicolon may follow")
