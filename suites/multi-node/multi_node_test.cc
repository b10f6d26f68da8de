// What must hold of part 3, in the order in which one claim rests on another (scenario.h draws the network,
// requirements.cc words the claims). What part 2 asks for is judged on each node by part 2's own judgements.
#include <cerrno>

#include "harness/base/text.h"
#include "harness/testing/matchers.h"
#include "suites/common/closed_world_cases.h"
#include "suites/multi-node/fixture.h"

namespace netns_lab::multi_node {
namespace {

NETNS_LAB_SUITE(MultiNode, "multi-node");

// ---- what stands, on each node as in part 2 ----

TEST_P(MultiNode, TargetReportsSuccess) {
  REQUIREMENT("multi-node.build");
  on_each_node([this] { judge_target_reports_success(); });
}

TEST_P(MultiNode, NamespacesAreMountsOfNsfs) {
  REQUIREMENT("multi-node.namespaces");
  on_each_node([this] { judge_namespaces_are_mounts_of_nsfs(); });
}

TEST_P(MultiNode, NamespacesAreTwoAndNotTheNodesOwn) {
  REQUIREMENT("multi-node.namespaces-distinct");
  on_each_node([this] { judge_namespaces_are_two_and_not_the_nodes_own(); });
}

TEST_P(MultiNode, NamespacesHaveOneNameEach) {
  REQUIREMENT("multi-node.namespaces-one-name");
  on_each_node([this] { judge_namespaces_have_one_name_each(); });
}

TEST_P(MultiNode, BridgeIsABridgeOnTheNode) {
  REQUIREMENT("multi-node.bridge");
  on_each_node([this] { judge_bridge_is_a_bridge_on_the_node(); });
}

TEST_P(MultiNode, HostLinksAreVethsOnTheNode) {
  REQUIREMENT("multi-node.host-links");
  on_each_node([this] { judge_host_links_are_veths_on_the_node(); });
}

TEST_P(MultiNode, ContainerLinksAreVethsInTheNamespaces) {
  REQUIREMENT("multi-node.container-links");
  on_each_node([this] { judge_container_links_are_veths_in_the_namespaces(); });
}

TEST_P(MultiNode, LinksAreEachOthersPeer) {
  REQUIREMENT("multi-node.pairs");
  on_each_node([this] { judge_links_are_each_others_peer(); });
}

TEST_P(MultiNode, PortsAreTheTwoHostLinks) {
  REQUIREMENT("multi-node.ports");
  on_each_node([this] { judge_ports_are_the_two_host_links(); });
}

TEST_P(MultiNode, BridgeIsUp) {
  REQUIREMENT("multi-node.bridge-up");
  on_each_node([this] { judge_bridge_is_up(); });
}

TEST_P(MultiNode, HostLinksAreUp) {
  REQUIREMENT("multi-node.host-links-up");
  on_each_node([this] { judge_host_links_are_up(); });
}

TEST_P(MultiNode, ContainerLinksAreUp) {
  REQUIREMENT("multi-node.container-links-up");
  on_each_node([this] { judge_container_links_are_up(); });
}

TEST_P(MultiNode, PortsForward) {
  REQUIREMENT("multi-node.port-state");
  on_each_node([this] { judge_ports_forward(); });
}

TEST_P(MultiNode, PortsAreSetAsTheKernelMakesThem) {
  REQUIREMENT("multi-node.port-settings");
  on_each_node([this] { judge_ports_are_set_as_the_kernel_makes_them(); });
}

TEST_P(MultiNode, BridgeIsSetAsTheKernelMakesIt) {
  REQUIREMENT("multi-node.bridge-settings");
  on_each_node([this] { judge_bridge_is_set_as_the_kernel_makes_it(); });
}

TEST_P(MultiNode, BridgeHasItsFlags) {
  REQUIREMENT("multi-node.bridge-flags");
  on_each_node([this] { judge_bridge_has_its_flags(); });
}

TEST_P(MultiNode, HostLinksHaveTheirFlags) {
  REQUIREMENT("multi-node.host-links-flags");
  on_each_node([this] { judge_host_links_have_their_flags(); });
}

TEST_P(MultiNode, ContainerLinksHaveTheirFlags) {
  REQUIREMENT("multi-node.container-links-flags");
  on_each_node([this] { judge_container_links_have_their_flags(); });
}

TEST_P(MultiNode, LoopbacksAreUp) {
  REQUIREMENT("multi-node.loopbacks-up");
  on_each_node([this] { judge_loopbacks_are_up(); });
}

TEST_P(MultiNode, MtuIsTheSameEverywhere) {
  REQUIREMENT("multi-node.mtu");
  on_each_node([this] { judge_mtu_is_the_same_everywhere(); });
}

TEST_P(MultiNode, MacAddressesDiffer) {
  REQUIREMENT("multi-node.macs");
  on_each_node([this] { judge_mac_addresses_differ(); });
}

TEST_P(MultiNode, BridgeHasExactlyItsAddress) {
  REQUIREMENT("multi-node.bridge-address");
  on_each_node([this] { judge_bridge_has_exactly_its_address(); });
}

TEST_P(MultiNode, ContainersHaveExactlyTheirAddresses) {
  REQUIREMENT("multi-node.container-addresses");
  on_each_node([this] { judge_containers_have_exactly_their_addresses(); });
}

TEST_P(MultiNode, PortsHaveNoAddress) {
  REQUIREMENT("multi-node.ports-without-address");
  on_each_node([this] { judge_ports_have_no_address(); });
}

TEST_P(MultiNode, SubnetIsOnTheLinkEverywhere) {
  REQUIREMENT("multi-node.connected-routes");
  on_each_node([this] { judge_subnet_is_on_the_link_everywhere(); });
}

TEST_P(MultiNode, NamespacesHaveExactlyOneDefaultRouteEach) {
  REQUIREMENT("multi-node.default-routes");
  on_each_node([this] { judge_namespaces_have_exactly_one_default_route_each(); });
}

TEST_P(MultiNode, NodesKernelChoosesTheBridge) {
  REQUIREMENT("multi-node.node-to-containers-chosen");
  on_each_node([this] { judge_nodes_kernel_chooses_the_bridge(); });
}

TEST_P(MultiNode, NamespacesKernelsChooseTheGateway) {
  REQUIREMENT("multi-node.gateway-chosen");
  on_each_node([this] { judge_namespaces_kernels_choose_the_gateway(); });
}

TEST_P(MultiNode, NamespacesKernelsChooseTheLinkForNeighbours) {
  REQUIREMENT("multi-node.neighbour-chosen");
  on_each_node([this] { judge_namespaces_kernels_choose_the_link_for_neighbours(); });
}

// ---- nothing else ----

NETNS_LAB_CLOSED_WORLD(MultiNode, "multi-node");

TEST_P(MultiNode, NoNeighboursMadeByHand) {
  REQUIREMENT("multi-node.no-other-neighbours");
  on_each_node([this] { judge_no_neighbours_made_by_hand(); });
}

TEST_P(MultiNode, NoForwardingEntriesMadeByHand) {
  REQUIREMENT("multi-node.no-other-forwarding");
  on_each_node([this] { judge_no_forwarding_entries_made_by_hand(); });
}

TEST_P(MultiNode, EveryPairReachesAsExpected) {
  REQUIREMENT("multi-node.truth-table");
  on_each_node([this] { judge_every_pair_reaches_as_expected(); });
}

TEST_P(MultiNode, LocalContainersReachEachOther) {
  REQUIREMENT("multi-node.local-containers");
  on_each_node([this] { judge_containers_reach_each_other(); });
}

// ---- routing ----

TEST_P(MultiNode, NodesForward) {
  REQUIREMENT("multi-node.forwarding");
  on_each_node([this] {
    const auto& sysctls = state("")->sysctls;
    std::vector<std::string> keys = {forwarding_sysctl(family())};
    for (const Link& each : state("")->links)
      keys.push_back((v4() ? "net.ipv4.conf." : "net.ipv6.conf.") + each.name + ".forwarding");
    for (const std::string& key : keys) {
      const auto found = sysctls.find(key);
      if (found != sysctls.end() && found->second == "1") continue;
      ADD_FAILURE()
          << key << " is " << (found == sysctls.end() ? std::string("not there") : found->second)
          << "; it must be 1, or this node does not pass on what comes from the other node's containers: sysctl -w "
          << key << "=1";
    }
  });
}

TEST_P(MultiNode, NodesHaveExactlyOneRouteToEachOthersContainers) {
  REQUIREMENT("multi-node.node-route");
  on_each_node([this] { EXPECT_THAT(*state(""), HasExactlyRoute(declared_route(""))); });
}

TEST_P(MultiNode, NodesKernelsChooseTheOtherNode) {
  REQUIREMENT("multi-node.remote-chosen");
  on_each_node([this] {
    const std::size_t other = other_node(looked_at());
    for (const std::size_t container : kContainers) {
      RouteQuery query;
      query.destination = ip_of(other, container);
      EXPECT_THAT(lookup(query), Chooses(kUplink, node_ip(other), node_ip(looked_at())));
    }
  });
}

TEST_P(MultiNode, NodesKernelsForwardToTheOtherNodeAndToTheBridge) {
  REQUIREMENT("multi-node.forwarded-chosen");
  on_each_node([this] {
    const std::size_t other = other_node(looked_at());
    for (const std::size_t container : kContainers) {
      RouteQuery out;
      out.source = ip_of(looked_at(), container);
      out.destination = ip_of(other, container);
      out.input_link = bridge::kBridge;
      EXPECT_THAT(lookup(out), Chooses(kUplink, node_ip(other)));
      RouteQuery in;
      in.source = ip_of(other, container);
      in.destination = ip_of(looked_at(), container);
      in.input_link = kUplink;
      EXPECT_THAT(lookup(in), Chooses(bridge::kBridge, std::nullopt));
    }
  });
}

TEST_P(MultiNode, ContainersKernelsChooseTheirBridge) {
  REQUIREMENT("multi-node.containers-remote-chosen");
  on_each_node([this] {
    for (const std::size_t container : kContainers) {
      for (const std::size_t remote : kContainers) {
        RouteQuery query;
        query.network_namespace = con(container);
        query.destination = ip_of(other_node(looked_at()), remote);
        EXPECT_THAT(lookup(query), Chooses(inner(container), bridge_address(), address(container)));
      }
    }
  });
}

// ---- from node to node, proved at the receiver ----

TEST_P(MultiNode, ContainersReachThoseOfTheOtherNode) {
  REQUIREMENT("multi-node.container-to-container");
  for (const Passage& each : between_containers()) expect_answered_across(each, kPayload);
}

TEST_P(MultiNode, PacketsPassFromNodeToNodeOnTheSegment) {
  REQUIREMENT("multi-node.crosses-segment");
  for (const Passage& each : between_containers()) {
    const EchoAcross echo = echo_of(each, kPayload);
    const EchoReport seen = ping(echo);
    EXPECT_THAT(seen, finds_nothing<EchoReport>("passes from uplink to uplink, there and back",
                                                [&](const EchoReport& r) { return segment_findings(r, each); }))
        << to_string(each.way) << ways_of(each) << why(echo, seen, each.way);
  }
}

TEST_P(MultiNode, NodesReachEachOthersContainers) {
  REQUIREMENT("multi-node.node-to-containers");
  for (const Passage& each : from_nodes()) expect_answered_across(each, kPayload);
}

TEST_P(MultiNode, ContainersReachTheOtherNode) {
  REQUIREMENT("multi-node.containers-to-node");
  for (const Passage& each : to_nodes()) expect_answered_across(each, kPayload);
}

TEST_P(MultiNode, EchoesOfTheFullMtuAreAnswered) {
  REQUIREMENT("multi-node.full-mtu");
  for (const Passage& each : to_containers()) expect_answered_across(each, full_payload(), true);
}

TEST_P(MultiNode, EchoesOverTheMtuAreRefusedBySender) {
  REQUIREMENT("multi-node.over-mtu-refused");
  for (const Passage& each : to_containers())
    EXPECT_THAT(ping(echo_of(each, full_payload() + 1, true)), RefusedLocally(EMSGSIZE, each.way));
}

TEST_P(MultiNode, FragmentedEchoesAreAnswered) {
  REQUIREMENT("multi-node.fragmented");
  for (const Passage& each : to_containers()) {
    const EchoAcross echo = echo_of(each, large_payload());
    const EchoReport report = ping(echo);
    EXPECT_THAT(report, EveryEchoAnswered(From(each.destination), SentFrom(each.source), Crossing(each.way),
                                          ArrivingWithTtl(each.ttl), PayloadIntact(), InFragments()))
        << ways_of(each) << why(echo, report, each.way);
  }
}

TEST_P(MultiNode, UdpIsEchoed) {
  REQUIREMENT("multi-node.udp");
  for (const Passage& each : to_containers()) expect_talked_across(each, Transport::kUdp);
}

TEST_P(MultiNode, TcpIsEchoed) {
  REQUIREMENT("multi-node.tcp");
  for (const Passage& each : to_containers()) expect_talked_across(each, Transport::kTcp);
}

TEST_P(MultiNode, SourcesAreUnchanged) {
  REQUIREMENT("multi-node.source-unchanged");
  for (const Passage& each : between_containers()) {
    const auto claim = [&](const auto& sent, const auto& report) {
      const std::vector<std::string> findings = source_findings(report.sightings, each);
      EXPECT_TRUE(findings.empty()) << to_string(each.way) << ":\n  - " << join(findings, "\n  - ")
                                    << why(sent, report, each.way);
    };
    const EchoAcross echo = echo_of(each, kPayload);
    claim(echo, ping(echo));
    for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
      const TalkAcross talked = talk_of(each, transport);
      claim(talked, talk(talked));
    }
  }
}

// ---- life: these change the network, so they get a fresh lab and come last. They share it: torn down, rebuilt. ----

TEST_P(MultiNode, TearDownLeavesNothing) {
  REQUIREMENT("multi-node.tear-down");
  judge_tear_down();
}

TEST_P(MultiNode, RebuildWorks) {
  REQUIREMENT("multi-node.rebuild");
  judge_rebuild([this](Subject& subject) {
    std::vector<EchoAcross> echoes;
    for (const Passage& each : to_containers()) echoes.push_back(echo_of(each, kPayload));
    const std::vector<EchoReport> reports = ping_across_on(subject, echoes);
    for (std::size_t i = 0; i < reports.size(); ++i) {
      const Passage each = to_containers().at(i);
      EXPECT_THAT(reports.at(i), EveryEchoAnswered(From(each.destination), SentFrom(each.source), Crossing(each.way),
                                                   ArrivingWithTtl(each.ttl), PayloadIntact()));
    }
  });
}

}  // namespace
}  // namespace netns_lab::multi_node
