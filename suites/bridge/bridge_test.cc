// What must hold of part 2, in the order in which one claim rests on another (scenario.h draws the network,
// requirements.cc words the claims).
#include <linux/if.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "harness/base/text.h"
#include "harness/testing/matchers.h"
#include "suites/bridge/fixture.h"
#include "suites/bridge/settings.h"
#include "suites/bridge/third_port.h"
#include "suites/common/closed_world_cases.h"
#include "suites/common/reach_table.h"

namespace netns_lab::bridge {
namespace {

using ::testing::AllOf;
using ::testing::Ne;

NETNS_LAB_SUITE(Bridge, "bridge");

// ---- what stands ----

TEST_P(Bridge, TargetReportsSuccess) {
  REQUIREMENT("bridge.build");
  judge_target_reports_success();
}

TEST_P(Bridge, NamespacesAreMountsOfNsfs) {
  REQUIREMENT("bridge.namespaces");
  judge_namespaces_are_mounts_of_nsfs();
}

TEST_P(Bridge, NamespacesAreTwoAndNotTheNodesOwn) {
  REQUIREMENT("bridge.namespaces-distinct");
  judge_namespaces_are_two_and_not_the_nodes_own();
}

TEST_P(Bridge, NamespacesHaveOneNameEach) {
  REQUIREMENT("bridge.namespaces-one-name");
  judge_namespaces_have_one_name_each();
}

TEST_P(Bridge, BridgeIsABridgeOnTheNode) {
  REQUIREMENT("bridge.bridge");
  judge_bridge_is_a_bridge_on_the_node();
}

TEST_P(Bridge, HostLinksAreVethsOnTheNode) {
  REQUIREMENT("bridge.host-links");
  judge_host_links_are_veths_on_the_node();
}

TEST_P(Bridge, ContainerLinksAreVethsInTheNamespaces) {
  REQUIREMENT("bridge.container-links");
  judge_container_links_are_veths_in_the_namespaces();
}

TEST_P(Bridge, LinksAreEachOthersPeer) {
  REQUIREMENT("bridge.pairs");
  judge_links_are_each_others_peer();
}

TEST_P(Bridge, PortsAreTheTwoHostLinks) {
  REQUIREMENT("bridge.ports");
  judge_ports_are_the_two_host_links();
}

// ---- links ----

TEST_P(Bridge, BridgeIsUp) {
  REQUIREMENT("bridge.bridge-up");
  judge_bridge_is_up();
}

TEST_P(Bridge, HostLinksAreUp) {
  REQUIREMENT("bridge.host-links-up");
  judge_host_links_are_up();
}

TEST_P(Bridge, ContainerLinksAreUp) {
  REQUIREMENT("bridge.container-links-up");
  judge_container_links_are_up();
}

TEST_P(Bridge, PortsForward) {
  REQUIREMENT("bridge.port-state");
  judge_ports_forward();
}

TEST_P(Bridge, PortsAreSetAsTheKernelMakesThem) {
  REQUIREMENT("bridge.port-settings");
  judge_ports_are_set_as_the_kernel_makes_them();
}

TEST_P(Bridge, BridgeIsSetAsTheKernelMakesIt) {
  REQUIREMENT("bridge.bridge-settings");
  judge_bridge_is_set_as_the_kernel_makes_it();
}

TEST_P(Bridge, BridgeHasItsFlags) {
  REQUIREMENT("bridge.bridge-flags");
  judge_bridge_has_its_flags();
}

TEST_P(Bridge, HostLinksHaveTheirFlags) {
  REQUIREMENT("bridge.host-links-flags");
  judge_host_links_have_their_flags();
}

TEST_P(Bridge, ContainerLinksHaveTheirFlags) {
  REQUIREMENT("bridge.container-links-flags");
  judge_container_links_have_their_flags();
}

TEST_P(Bridge, LoopbacksAreUp) {
  REQUIREMENT("bridge.loopbacks-up");
  judge_loopbacks_are_up();
}

TEST_P(Bridge, MtuIsTheSameEverywhere) {
  REQUIREMENT("bridge.mtu");
  judge_mtu_is_the_same_everywhere();
}

TEST_P(Bridge, MacAddressesDiffer) {
  REQUIREMENT("bridge.macs");
  judge_mac_addresses_differ();
}

// ---- addresses and routes ----

TEST_P(Bridge, BridgeHasExactlyItsAddress) {
  REQUIREMENT("bridge.bridge-address");
  judge_bridge_has_exactly_its_address();
}

TEST_P(Bridge, ContainersHaveExactlyTheirAddresses) {
  REQUIREMENT("bridge.container-addresses");
  judge_containers_have_exactly_their_addresses();
}

TEST_P(Bridge, PortsHaveNoAddress) {
  REQUIREMENT("bridge.ports-without-address");
  judge_ports_have_no_address();
}

TEST_P(Bridge, SubnetIsOnTheLinkEverywhere) {
  REQUIREMENT("bridge.connected-routes");
  judge_subnet_is_on_the_link_everywhere();
}

TEST_P(Bridge, NamespacesHaveExactlyOneDefaultRouteEach) {
  REQUIREMENT("bridge.default-routes");
  judge_namespaces_have_exactly_one_default_route_each();
}

TEST_P(Bridge, NodesKernelChoosesTheBridge) {
  REQUIREMENT("bridge.node-to-containers-chosen");
  judge_nodes_kernel_chooses_the_bridge();
}

TEST_P(Bridge, NamespacesKernelsChooseTheGateway) {
  REQUIREMENT("bridge.gateway-chosen");
  judge_namespaces_kernels_choose_the_gateway();
}

TEST_P(Bridge, NamespacesKernelsChooseTheLinkForNeighbours) {
  REQUIREMENT("bridge.neighbour-chosen");
  judge_namespaces_kernels_choose_the_link_for_neighbours();
}

// ---- nothing else ----

NETNS_LAB_CLOSED_WORLD(Bridge, "bridge");

TEST_P(Bridge, NoNeighboursMadeByHand) {
  REQUIREMENT("bridge.no-other-neighbours");
  judge_no_neighbours_made_by_hand();
}

TEST_P(Bridge, NoForwardingEntriesMadeByHand) {
  REQUIREMENT("bridge.no-other-forwarding");
  judge_no_forwarding_entries_made_by_hand();
}

// ---- reachability, proved at the receiver ----

TEST_P(Bridge, EveryPairReachesAsExpected) {
  REQUIREMENT("bridge.truth-table");
  judge_every_pair_reaches_as_expected();
}

TEST_P(Bridge, NeighboursResolveEachOther) {
  REQUIREMENT("bridge.neighbour-resolution");
  for (const std::size_t container : kContainers) {
    for (const Journey& each : {between(container, other(container)), from_node(container), to_bridge(container)}) {
      const Link* near = link(each.way.near_namespace, each.way.near_link);
      const Link* far = link(each.way.far_namespace, each.way.far_link);
      ASSERT_THAT(near, Ne(nullptr));
      ASSERT_THAT(far, Ne(nullptr));
      forget_neighbours();
      EchoSpec spec = echo(each.from, each.to, kPayload);
      spec.count = 1;
      const EchoReport report = ping(spec);
      EXPECT_THAT(report, ResolvedBetween(each.way, near->mac, far->mac)) << why(report, each.way);
    }
  }
}

TEST_P(Bridge, NodeReachesContainers) {
  REQUIREMENT("bridge.node-to-containers");
  for (const std::size_t container : kContainers) expect_answered(from_node(container), kPayload);
}

TEST_P(Bridge, ContainersReachTheNode) {
  REQUIREMENT("bridge.containers-to-node");
  for (const std::size_t container : kContainers) expect_answered(to_node(container), kPayload);
}

TEST_P(Bridge, ContainersReachTheBridge) {
  REQUIREMENT("bridge.containers-to-bridge");
  for (const std::size_t container : kContainers) expect_answered(to_bridge(container), kPayload);
}

TEST_P(Bridge, ContainersReachEachOther) {
  REQUIREMENT("bridge.container-to-container");
  judge_containers_reach_each_other();
}

TEST_P(Bridge, EchoesOfTheFullMtuAreAnswered) {
  REQUIREMENT("bridge.full-mtu");
  for (const Journey& each : crossing()) expect_answered(each, full_payload(), true);
}

TEST_P(Bridge, EchoesOverTheMtuAreRefusedBySender) {
  REQUIREMENT("bridge.over-mtu-refused");
  if (!some_are_over_mtu()) GTEST_SKIP() << "no IP packet is larger than an MTU of " << mtu();
  for (const Journey& each : crossing())
    EXPECT_THAT(ping(echo(each.from, each.to, full_payload() + 1, true)), RefusedLocally(EMSGSIZE, each.way));
}

TEST_P(Bridge, FragmentedEchoesAreAnswered) {
  REQUIREMENT("bridge.fragmented");
  if (!some_are_over_mtu()) GTEST_SKIP() << "no IP packet is larger than an MTU of " << mtu();
  for (const Journey& each : crossing()) {
    const EchoReport report = ping(echo(each.from, each.to, large_payload()));
    EXPECT_THAT(report, EveryEchoAnswered(From(each.to), Crossing(each.way), PayloadIntact(), InFragments()))
        << why(report, each.way);
  }
}

TEST_P(Bridge, UdpIsEchoed) {
  REQUIREMENT("bridge.udp");
  for (const auto& [each, crossed] : talks(Transport::kUdp)) expect_talked(each, crossed);
}

TEST_P(Bridge, TcpIsEchoed) {
  REQUIREMENT("bridge.tcp");
  for (const auto& [each, crossed] : talks(Transport::kTcp)) expect_talked(each, crossed);
}

TEST_P(Bridge, ContainersAreLearnedBehindTheirPorts) {
  REQUIREMENT("bridge.forwarding-learned");
  for (const std::size_t container : kContainers) expect_answered(between(container, other(container)), kPayload);
  SnapshotOptions options;
  options.addressing_only = true;
  options.processes = false;
  options.files = false;
  const Snapshot now = value(node().snapshot(options));
  for (const std::size_t container : kContainers) {
    const Link* seen = link(con(container), inner(container));
    ASSERT_THAT(seen, Ne(nullptr)) << "there is no " << inner(container) << " in " << con(container);
    const MacAddress mac = seen->mac;
    std::set<std::string> behind;
    for (const ForwardingEntry& entry : now.find_namespace("")->forwarding) {
      if (entry.bridge != kBridge || entry.mac != mac) continue;
      EXPECT_TRUE(entry.is_learned()) << entry;
      behind.insert(entry.link);
    }
    if (behind == std::set<std::string>{port(container)}) continue;
    ADD_FAILURE() << "the bridge has learned " << con(container) << "'s MAC address " << mac << " behind "
                  << (behind.empty() ? "no port" : join(std::vector(behind.begin(), behind.end()), " and "))
                  << ", not behind " << port(container);
  }
}

// ---- a third port joins the bridge: after all that looks at it as it was built ----

TEST_P(Bridge, UnicastIsNotFloodedToAThirdPort) {
  REQUIREMENT("bridge.not-flooded");
  ASSERT_THAT(link("", kBridge), Ne(nullptr)) << "there is no " << kBridge << " for a third port to join";
  const ThirdPort third = value(ThirdPort::create(subject()));
  for (const std::size_t container : kContainers) {
    const Journey each = between(container, other(container));
    const Link* near = link(each.from, each.way.near_link);
    ASSERT_THAT(near, Ne(nullptr)) << "there is no " << each.way.near_link << " in " << each.from;
    forget_neighbours();
    EchoSpec spec = echo(each.from, each.to, kPayload);
    spec.watch.push_back(third.name());
    const EchoReport report = ping_on(subject(), spec);
    EXPECT_THAT(report, EveryEchoAnswered(From(each.to), Crossing(each.way)));
    // The control: what goes to all arrives there, by the same links and in the same look.
    EXPECT_THAT(report, QuestionArrivesAt(third.name(), ThirdPort::kLink, near->mac));
    EXPECT_THAT(report, NoUnicastArrivesAt(third.name(), ThirdPort::kLink));
  }
}

// ---- life: these change the network, so they get a fresh node and come last. They share it: torn down, rebuilt. ----

TEST_P(Bridge, TearDownLeavesNothing) {
  REQUIREMENT("bridge.tear-down");
  judge_tear_down();
}

TEST_P(Bridge, RebuildWorks) {
  REQUIREMENT("bridge.rebuild");
  judge_rebuild([this](Subject& subject) {
    std::vector<EchoSpec> specs;
    for (const Journey& each : crossing()) specs.push_back(echo(each.from, each.to, kPayload));
    const auto reports = ping_on(subject, specs);
    for (std::size_t i = 0; i < reports.size(); ++i) {
      const Journey each = crossing().at(i);
      EXPECT_THAT(reports[i], EveryEchoAnswered(From(each.to), Crossing(each.way), PayloadIntact()));
    }
  });
}

TEST_P(Bridge, ForwardingNodeLeadsOutside) {
  REQUIREMENT("bridge.outside");
  Subject& subject = fresh_subject();
  if (!subject.has_outside()) GTEST_SKIP() << "this lab has no outside node to reach; use --lab sandbox";
  if (subject.state() != Subject::State::kBuilt) {
    value(subject.tear_down());
    value(subject.build(Look::kLinks));
  }
  join_outside(subject);
  set_forwarding(subject, false);
  std::vector<EchoSpec> specs;
  for (const std::size_t container : kContainers) specs.push_back(echo_outside(subject, container, kNegativeWait));
  for (const EchoReport& report : ping_on(subject, specs)) {
    EXPECT_EQ(report.answered(), 0U) << report;
    EXPECT_THAT(report, NothingLeaves(subject.hello().uplink));
  }
  set_forwarding(subject, true);
  for (EchoSpec& spec : specs) spec.reply_wait = std::chrono::seconds(1);
  const std::vector<EchoReport> reports = ping_on(subject, specs);
  for (const std::size_t container : kContainers) {
    const EchoReport& report = reports.at(container);
    EXPECT_THAT(report, EveryEchoAnswered(From(outside_address(subject)), PayloadIntact()));
    EXPECT_THAT(report, EveryRequestLeaves({subject.hello().uplink, address(container), 63}))
        << why_on(subject, report);
    for (const Echo& each : report.echoes) EXPECT_EQ(each.reply ? each.reply->ttl : 0, 63) << "TTL of the answer";
  }
  spoil_fresh_subject();  // what was set there is no part of what a target builds, and cannot be put back
}

}  // namespace
}  // namespace netns_lab::bridge
