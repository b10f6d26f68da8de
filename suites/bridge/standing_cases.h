// The cases of a scenario on whose nodes the network of part 2 stands: what part 2 asks for, judged on each of them.
//
//   NETNS_LAB_BRIDGE_ON_EACH_NODE(MultiNode, "multi-node");   // MultiNode.BridgeIsUp judges multi-node.bridge-up, …
//
// In the order in which one rests on another. The fixture is a Bridge.
#pragma once

#include "suites/bridge/fixture.h"
#include "suites/common/closed_world_cases.h"

#define NETNS_LAB_ON_EACH_NODE(fixture, name, id, judge) \
  TEST_P(fixture, name) {                                \
    REQUIREMENT(id);                                     \
    on_each_node([this] { judge(); });                   \
  }

#define NETNS_LAB_BRIDGE_ON_EACH_NODE(fixture, scenario)                                                              \
  NETNS_LAB_ON_EACH_NODE(fixture, TargetReportsSuccess, scenario ".build", judge_target_reports_success)              \
  NETNS_LAB_ON_EACH_NODE(fixture, NamespacesAreMountsOfNsfs, scenario ".namespaces",                                  \
                         judge_namespaces_are_mounts_of_nsfs)                                                         \
  NETNS_LAB_ON_EACH_NODE(fixture, NamespacesAreTwoAndNotTheNodesOwn, scenario ".namespaces-distinct",                 \
                         judge_namespaces_are_two_and_not_the_nodes_own)                                              \
  NETNS_LAB_ON_EACH_NODE(fixture, NamespacesHaveOneNameEach, scenario ".namespaces-one-name",                         \
                         judge_namespaces_have_one_name_each)                                                         \
  NETNS_LAB_ON_EACH_NODE(fixture, BridgeIsABridgeOnTheNode, scenario ".bridge", judge_bridge_is_a_bridge_on_the_node) \
  NETNS_LAB_ON_EACH_NODE(fixture, HostLinksAreVethsOnTheNode, scenario ".host-links",                                 \
                         judge_host_links_are_veths_on_the_node)                                                      \
  NETNS_LAB_ON_EACH_NODE(fixture, ContainerLinksAreVethsInTheNamespaces, scenario ".container-links",                 \
                         judge_container_links_are_veths_in_the_namespaces)                                           \
  NETNS_LAB_ON_EACH_NODE(fixture, LinksAreEachOthersPeer, scenario ".pairs", judge_links_are_each_others_peer)        \
  NETNS_LAB_ON_EACH_NODE(fixture, PortsAreTheTwoHostLinks, scenario ".ports", judge_ports_are_the_two_host_links)     \
  NETNS_LAB_ON_EACH_NODE(fixture, BridgeIsUp, scenario ".bridge-up", judge_bridge_is_up)                              \
  NETNS_LAB_ON_EACH_NODE(fixture, HostLinksAreUp, scenario ".host-links-up", judge_host_links_are_up)                 \
  NETNS_LAB_ON_EACH_NODE(fixture, ContainerLinksAreUp, scenario ".container-links-up", judge_container_links_are_up)  \
  NETNS_LAB_ON_EACH_NODE(fixture, PortsForward, scenario ".port-state", judge_ports_forward)                          \
  NETNS_LAB_ON_EACH_NODE(fixture, PortsAreSetAsTheKernelMakesThem, scenario ".port-settings",                         \
                         judge_ports_are_set_as_the_kernel_makes_them)                                                \
  NETNS_LAB_ON_EACH_NODE(fixture, BridgeIsSetAsTheKernelMakesIt, scenario ".bridge-settings",                         \
                         judge_bridge_is_set_as_the_kernel_makes_it)                                                  \
  NETNS_LAB_ON_EACH_NODE(fixture, BridgeHasItsFlags, scenario ".bridge-flags", judge_bridge_has_its_flags)            \
  NETNS_LAB_ON_EACH_NODE(fixture, HostLinksHaveTheirFlags, scenario ".host-links-flags",                              \
                         judge_host_links_have_their_flags)                                                           \
  NETNS_LAB_ON_EACH_NODE(fixture, ContainerLinksHaveTheirFlags, scenario ".container-links-flags",                    \
                         judge_container_links_have_their_flags)                                                      \
  NETNS_LAB_ON_EACH_NODE(fixture, LoopbacksAreUp, scenario ".loopbacks-up", judge_loopbacks_are_up)                   \
  NETNS_LAB_ON_EACH_NODE(fixture, MtuIsTheSameEverywhere, scenario ".mtu", judge_mtu_is_the_same_everywhere)          \
  NETNS_LAB_ON_EACH_NODE(fixture, MacAddressesDiffer, scenario ".macs", judge_mac_addresses_differ)                   \
  NETNS_LAB_ON_EACH_NODE(fixture, BridgeHasExactlyItsAddress, scenario ".bridge-address",                             \
                         judge_bridge_has_exactly_its_address)                                                        \
  NETNS_LAB_ON_EACH_NODE(fixture, ContainersHaveExactlyTheirAddresses, scenario ".container-addresses",               \
                         judge_containers_have_exactly_their_addresses)                                               \
  NETNS_LAB_ON_EACH_NODE(fixture, PortsHaveNoAddress, scenario ".ports-without-address", judge_ports_have_no_address) \
  NETNS_LAB_ON_EACH_NODE(fixture, SubnetIsOnTheLinkEverywhere, scenario ".connected-routes",                          \
                         judge_subnet_is_on_the_link_everywhere)                                                      \
  NETNS_LAB_ON_EACH_NODE(fixture, NamespacesHaveExactlyOneDefaultRouteEach, scenario ".default-routes",               \
                         judge_namespaces_have_exactly_one_default_route_each)                                        \
  NETNS_LAB_ON_EACH_NODE(fixture, NodesKernelChoosesTheBridge, scenario ".node-to-containers-chosen",                 \
                         judge_nodes_kernel_chooses_the_bridge)                                                       \
  NETNS_LAB_ON_EACH_NODE(fixture, NamespacesKernelsChooseTheGateway, scenario ".gateway-chosen",                      \
                         judge_namespaces_kernels_choose_the_gateway)                                                 \
  NETNS_LAB_ON_EACH_NODE(fixture, NamespacesKernelsChooseTheLinkForNeighbours, scenario ".neighbour-chosen",          \
                         judge_namespaces_kernels_choose_the_link_for_neighbours)                                     \
  NETNS_LAB_CLOSED_WORLD(fixture, scenario);                                                                          \
  NETNS_LAB_ON_EACH_NODE(fixture, NoNeighboursMadeByHand, scenario ".no-other-neighbours",                            \
                         judge_no_neighbours_made_by_hand)                                                            \
  NETNS_LAB_ON_EACH_NODE(fixture, NoForwardingEntriesMadeByHand, scenario ".no-other-forwarding",                     \
                         judge_no_forwarding_entries_made_by_hand)                                                    \
  NETNS_LAB_ON_EACH_NODE(fixture, EveryPairReachesAsExpected, scenario ".truth-table",                                \
                         judge_every_pair_reaches_as_expected)                                                        \
  NETNS_LAB_ON_EACH_NODE(fixture, LocalContainersReachEachOther, scenario ".local-containers",                        \
                         judge_containers_reach_each_other)                                                           \
  static_assert(true, "a semicolon may follow")
