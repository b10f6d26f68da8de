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

// On a Link.
::testing::Matcher<const Link&> SetLikePort(const std::vector<ExpectedSetting>& expected) {
  return finds_nothing<Link>("is a port set as the kernel sets one",
                             [expected](const Link& link) { return setting_findings(link.bridge_port, expected); });
}
::testing::Matcher<const Link&> SetLikeBridge(const std::vector<ExpectedSetting>& expected) {
  return finds_nothing<Link>("is a bridge set as the kernel sets one",
                             [expected](const Link& link) { return setting_findings(link.bridge, expected); });
}

constexpr std::uint32_t kLinkFlags = IFF_BROADCAST | IFF_MULTICAST | IFF_UP | IFF_RUNNING | IFF_LOWER_UP;

// ---- what stands ----

TEST_P(Bridge, TargetReportsSuccess) {
  REQUIREMENT("bridge.build");
  EXPECT_TRUE(build_outcome().succeeded) << build_outcome().failure << "\n" << build_outcome().output;
}

TEST_P(Bridge, NamespacesAreMountsOfNsfs) {
  REQUIREMENT("bridge.namespaces");
  for (const std::size_t container : kContainers) expect_mount_of_namespace(con(container));
}

TEST_P(Bridge, NamespacesAreTwoAndNotTheNodesOwn) {
  REQUIREMENT("bridge.namespaces-distinct");
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_NE(state(con(container))->inode, state("")->inode)
        << con(container) << " is another name of the node's own network namespace";
  }
  EXPECT_NE(state(con(0))->inode, state(con(1))->inode) << con(0) << " and " << con(1) << " are one namespace";
}

TEST_P(Bridge, NamespacesHaveOneNameEach) {
  REQUIREMENT("bridge.namespaces-one-name");
  for (const std::size_t container : kContainers) expect_one_name(con(container));
}

TEST_P(Bridge, BridgeIsABridgeOnTheNode) {
  REQUIREMENT("bridge.bridge");
  ASSERT_THAT(state(""), Ne(nullptr));
  EXPECT_THAT(*state(""), HasLink(kBridge, OfKind("bridge")));
}

TEST_P(Bridge, HostLinksAreVethsOnTheNode) {
  REQUIREMENT("bridge.host-links");
  ASSERT_THAT(state(""), Ne(nullptr));
  for (const std::size_t container : kContainers) EXPECT_THAT(*state(""), HasLink(port(container), OfKind("veth")));
}

TEST_P(Bridge, ContainerLinksAreVethsInTheNamespaces) {
  REQUIREMENT("bridge.container-links");
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_THAT(*state(con(container)), HasLink(inner(container), OfKind("veth")));
  }
}

TEST_P(Bridge, LinksAreEachOthersPeer) {
  REQUIREMENT("bridge.pairs");
  for (const std::size_t container : kContainers) expect_pair(port(container), con(container), inner(container));
}

TEST_P(Bridge, PortsAreTheTwoHostLinks) {
  REQUIREMENT("bridge.ports");
  const Link* bridge = link("", kBridge);
  ASSERT_THAT(bridge, Ne(nullptr));
  std::set<std::string> ports;
  for (const Link& each : state("")->links) {
    if (each.master == bridge->index) ports.insert(each.name);
  }
  EXPECT_EQ(ports, (std::set<std::string>{port(0), port(1)})) << "ports of br0";
}

// ---- links ----

TEST_P(Bridge, BridgeIsUp) {
  REQUIREMENT("bridge.bridge-up");
  EXPECT_THAT(*state(""), HasLink(kBridge, UpWithCarrier(OperState::kUp)));
}

TEST_P(Bridge, HostLinksAreUp) {
  REQUIREMENT("bridge.host-links-up");
  for (const std::size_t container : kContainers)
    EXPECT_THAT(*state(""), HasLink(port(container), UpWithCarrier(OperState::kUp)));
}

TEST_P(Bridge, ContainerLinksAreUp) {
  REQUIREMENT("bridge.container-links-up");
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_THAT(*state(con(container)), HasLink(inner(container), UpWithCarrier(OperState::kUp)));
  }
}

TEST_P(Bridge, PortsForward) {
  REQUIREMENT("bridge.port-state");
  for (const std::size_t container : kContainers)
    EXPECT_THAT(*state(""), HasLink(port(container), SetLikePort({{"state", kForwarding}})));
}

TEST_P(Bridge, PortsAreSetAsTheKernelMakesThem) {
  REQUIREMENT("bridge.port-settings");
  for (const std::size_t container : kContainers)
    EXPECT_THAT(*state(""), HasLink(port(container), SetLikePort(port_defaults())));
}

TEST_P(Bridge, BridgeIsSetAsTheKernelMakesIt) {
  REQUIREMENT("bridge.bridge-settings");
  EXPECT_THAT(*state(""), HasLink(kBridge, SetLikeBridge(bridge_defaults())));
}

TEST_P(Bridge, BridgeHasItsFlags) {
  REQUIREMENT("bridge.bridge-flags");
  EXPECT_THAT(*state(""), HasLink(kBridge, AllOf(WithFlags(kLinkFlags), WithoutMaster())));
}

TEST_P(Bridge, HostLinksHaveTheirFlags) {
  REQUIREMENT("bridge.host-links-flags");
  for (const std::size_t container : kContainers)
    EXPECT_THAT(*state(""), HasLink(port(container), WithFlags(kLinkFlags)));
}

TEST_P(Bridge, ContainerLinksHaveTheirFlags) {
  REQUIREMENT("bridge.container-links-flags");
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_THAT(*state(con(container)), HasLink(inner(container), AllOf(WithFlags(kLinkFlags), WithoutMaster())));
  }
}

TEST_P(Bridge, LoopbacksAreUp) {
  REQUIREMENT("bridge.loopbacks-up");
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    // lo never reports more than UNKNOWN.
    EXPECT_THAT(*state(con(container)), HasLink("lo", UpWithCarrier(OperState::kUnknown)));
  }
}

TEST_P(Bridge, MtuIsTheSameEverywhere) {
  REQUIREMENT("bridge.mtu");
  for (const DeclaredLink& each : declared().links) {
    const Link* found = link(each.network_namespace, each.name);
    ASSERT_THAT(found, Ne(nullptr)) << each.name;
    EXPECT_EQ(found->mtu, kMtu) << "MTU of " << each.name;
  }
}

TEST_P(Bridge, MacAddressesDiffer) {
  REQUIREMENT("bridge.macs");
  // A bridge without an address of its own takes its lowest port's (br_stp_recalculate_bridge_id, net/bridge).
  std::map<MacAddress, std::string> owners;
  for (const DeclaredLink& each : declared().links) {
    const Link* found = link(each.network_namespace, each.name);
    ASSERT_THAT(found, Ne(nullptr)) << each.name;
    const bool is_unicast = !found->mac.is_zero() && (found->mac.bytes()[0] & 1) == 0;
    EXPECT_TRUE(is_unicast) << each.name << "'s MAC " << found->mac << " is no unicast address";
    if (each.name == kBridge) continue;
    const auto [owner, is_new] = owners.emplace(found->mac, each.name);
    EXPECT_TRUE(is_new) << each.name << " and " << owner->second << " have the same MAC address " << found->mac;
  }
  for (const std::size_t container : kContainers) {
    EXPECT_NE(link("", kBridge)->mac, link(con(container), inner(container))->mac)
        << "br0 and " << inner(container) << " have the same MAC address";
  }
}

// ---- addresses and routes ----

TEST_P(Bridge, BridgeHasExactlyItsAddress) {
  REQUIREMENT("bridge.bridge-address");
  EXPECT_THAT(*state(""), HasExactlyAddresses(kBridge, declared_addresses("", kBridge)));
}

TEST_P(Bridge, ContainersHaveExactlyTheirAddresses) {
  REQUIREMENT("bridge.container-addresses");
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_THAT(*state(con(container)), HasExactlyAddresses(inner(container), {own(container)}));
  }
}

TEST_P(Bridge, PortsHaveNoAddress) {
  REQUIREMENT("bridge.ports-without-address");
  for (const std::size_t container : kContainers) EXPECT_THAT(*state(""), HasExactlyAddresses(port(container), {}));
}

TEST_P(Bridge, SubnetIsOnTheLinkEverywhere) {
  REQUIREMENT("bridge.connected-routes");
  const Prefix of_bridge{bridge_address(), own(0).length};
  EXPECT_THAT(*state(""), HasExactlyRoute(connected_route(of_bridge, kBridge)));
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_THAT(*state(con(container)), HasExactlyRoute(connected_route(own(container), inner(container))));
  }
}

TEST_P(Bridge, NamespacesHaveExactlyOneDefaultRouteEach) {
  REQUIREMENT("bridge.default-routes");
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_THAT(*state(con(container)), HasExactlyRoute(declared_route(con(container))));
  }
}

TEST_P(Bridge, NodesKernelChoosesTheBridge) {
  REQUIREMENT("bridge.node-to-containers-chosen");
  for (const std::size_t container : kContainers) {
    RouteQuery query;
    query.destination = address(container);
    EXPECT_THAT(lookup(query), Chooses(kBridge, std::nullopt, bridge_address()));
  }
}

TEST_P(Bridge, NamespacesKernelsChooseTheGateway) {
  REQUIREMENT("bridge.gateway-chosen");
  for (const std::size_t container : kContainers) {
    RouteQuery query;
    query.network_namespace = con(container);
    query.destination = uplink_address();
    EXPECT_THAT(lookup(query), Chooses(inner(container), bridge_address(), address(container)));
  }
}

TEST_P(Bridge, NamespacesKernelsChooseTheLinkForNeighbours) {
  REQUIREMENT("bridge.neighbour-chosen");
  for (const std::size_t container : kContainers) {
    for (const IpAddress& destination : {address(other(container)), bridge_address()}) {
      RouteQuery query;
      query.network_namespace = con(container);
      query.destination = destination;
      EXPECT_THAT(lookup(query), Chooses(inner(container), std::nullopt, address(container)));
    }
  }
}

// ---- nothing else ----

NETNS_LAB_CLOSED_WORLD(Bridge, "bridge");

TEST_P(Bridge, NoNeighboursMadeByHand) {
  REQUIREMENT("bridge.no-other-neighbours");
  EXPECT_THAT(after(), NothingUndeclared(Area::kNeighbours, before(), declared()));
  // What is known of each other (by the target's own packets, if it sent any) is what they are.
  for (const std::size_t container : kContainers)
    expect_owner_known(link(con(container), inner(container)), address(container));
  expect_owner_known(link("", kBridge), bridge_address());
}

TEST_P(Bridge, NoForwardingEntriesMadeByHand) {
  REQUIREMENT("bridge.no-other-forwarding");
  EXPECT_THAT(after(), NothingUndeclared(Area::kForwarding, before(), declared()));
}

// ---- reachability, proved at the receiver ----

TEST_P(Bridge, EveryPairReachesAsExpected) {
  REQUIREMENT("bridge.truth-table");
  suites::ReachTable table;
  for (const Journey& each : truth_table()) {
    EchoExpectation want;
    want.reply_from = each.to;
    want.request_from = each.source;
    want.way = each.way;
    want.payload_intact = true;
    table.add(each.from, each.to.to_string(), echo_findings(ping(echo(each.from, each.to, kPayload)), want));
  }
  EXPECT_EQ(table.size(), 12U);
  EXPECT_TRUE(table.all_reached()) << table.text();
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
  for (const std::size_t container : kContainers) expect_answered(between(container, other(container)), kPayload);
}

TEST_P(Bridge, EchoesOfTheFullMtuAreAnswered) {
  REQUIREMENT("bridge.full-mtu");
  for (const Journey& each : crossing()) expect_answered(each, full_payload(), true);
}

TEST_P(Bridge, EchoesOverTheMtuAreRefusedBySender) {
  REQUIREMENT("bridge.over-mtu-refused");
  for (const Journey& each : crossing())
    EXPECT_THAT(ping(echo(each.from, each.to, full_payload() + 1, true)), RefusedLocally(EMSGSIZE, each.way));
}

TEST_P(Bridge, FragmentedEchoesAreAnswered) {
  REQUIREMENT("bridge.fragmented");
  for (const Journey& each : crossing()) {
    const EchoReport report = ping(echo(each.from, each.to, 2 * kMtu));
    EXPECT_THAT(report, EveryEchoAnswered(From(each.to), Crossing(each.way), PayloadIntact(), InFragments()))
        << why(report, each.way);
  }
}

TEST_P(Bridge, UdpIsEchoed) {
  REQUIREMENT("bridge.udp");
  for (const auto& [each, crossed] : talks(Transport::kUdp)) EXPECT_THAT(talk(each), CameBackIntact(crossed));
}

TEST_P(Bridge, TcpIsEchoed) {
  REQUIREMENT("bridge.tcp");
  for (const auto& [each, crossed] : talks(Transport::kTcp)) EXPECT_THAT(talk(each), CameBackIntact(crossed));
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
    const MacAddress mac = link(con(container), inner(container))->mac;
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
  const ThirdPort third = value(ThirdPort::create(subject()));
  for (const std::size_t container : kContainers) {
    const Journey each = between(container, other(container));
    forget_neighbours();
    EchoSpec spec = echo(each.from, each.to, kPayload);
    spec.watch.push_back(third.name());
    const EchoReport report = ping_on(subject(), spec);
    EXPECT_THAT(report, EveryEchoAnswered(From(each.to), Crossing(each.way)));
    // The control: what goes to all arrives there, by the same links and in the same look.
    EXPECT_THAT(report, QuestionArrivesAt(third.name(), ThirdPort::kLink, link(each.from, each.way.near_link)->mac));
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
    EXPECT_THAT(report, EveryRequestLeaves({subject.hello().uplink, address(container), 63}));
    for (const Echo& each : report.echoes) EXPECT_EQ(each.reply ? each.reply->ttl : 0, 63) << "TTL of the answer";
  }
}

}  // namespace
}  // namespace netns_lab::bridge
