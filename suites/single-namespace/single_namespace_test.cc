// What must hold of part 1, in the order in which one claim rests on another (scenario.h draws the network,
// requirements.cc words the claims).
#include <linux/if.h>

#include <cerrno>

#include "harness/testing/matchers.h"
#include "suites/common/closed_world_cases.h"
#include "suites/single-namespace/fixture.h"

namespace netns_lab::single_namespace {
namespace {

using ::testing::AllOf;
using ::testing::Ne;
using ::testing::Pointee;

NETNS_LAB_SUITE(SingleNamespace, "single-namespace");

constexpr std::uint32_t kLinkFlags = IFF_BROADCAST | IFF_MULTICAST | IFF_UP | IFF_RUNNING | IFF_LOWER_UP;

// ---- what stands ----

TEST_P(SingleNamespace, TargetReportsSuccess) {
  REQUIREMENT("single-namespace.build");
  EXPECT_TRUE(build_outcome().succeeded) << build_outcome().failure << "\n" << build_outcome().output;
}

TEST_P(SingleNamespace, NamespaceIsAMountOfNsfs) {
  REQUIREMENT("single-namespace.namespace");
  expect_mount_of_namespace(con());
}

TEST_P(SingleNamespace, NamespaceIsNotTheNodesOwn) {
  REQUIREMENT("single-namespace.namespace-distinct");
  ASSERT_THAT(state(con()), Ne(nullptr));
  EXPECT_NE(state(con())->inode, state("")->inode) << con() << " is another name of the node's own network namespace";
}

TEST_P(SingleNamespace, NamespaceHasOneName) {
  REQUIREMENT("single-namespace.namespace-one-name");
  expect_one_name(con());
}

TEST_P(SingleNamespace, HostLinkIsAVethOnTheNode) {
  REQUIREMENT("single-namespace.host-link");
  ASSERT_THAT(state(""), Ne(nullptr));
  EXPECT_THAT(*state(""), HasLink(kHostLink, OfKind("veth"))) << where_it_is(kHostLink, "");
}

TEST_P(SingleNamespace, ContainerLinkIsAVethInTheNamespace) {
  REQUIREMENT("single-namespace.container-link");
  ASSERT_THAT(state(con()), Ne(nullptr));
  EXPECT_THAT(*state(con()), HasLink(kContainerLink, OfKind("veth"))) << where_it_is(kContainerLink, con());
}

TEST_P(SingleNamespace, LinksAreEachOthersPeer) {
  REQUIREMENT("single-namespace.pair");
  expect_pair(kHostLink, con(), kContainerLink);
}

// ---- links ----

TEST_P(SingleNamespace, HostLinkIsUp) {
  REQUIREMENT("single-namespace.host-link-up");
  EXPECT_THAT(*state(""), HasLink(kHostLink, UpWithCarrier(OperState::kUp)))
      << what_raises(kHostLink, "", kContainerLink, con());
}

TEST_P(SingleNamespace, ContainerLinkIsUp) {
  REQUIREMENT("single-namespace.container-link-up");
  ASSERT_THAT(state(con()), Ne(nullptr));
  EXPECT_THAT(*state(con()), HasLink(kContainerLink, UpWithCarrier(OperState::kUp)))
      << what_raises(kContainerLink, con(), kHostLink, "");
}

TEST_P(SingleNamespace, HostLinkHasItsFlags) {
  REQUIREMENT("single-namespace.host-link-flags");
  EXPECT_THAT(*state(""), HasLink(kHostLink, AllOf(WithFlags(kLinkFlags), WithoutMaster())));
}

TEST_P(SingleNamespace, ContainerLinkHasItsFlags) {
  REQUIREMENT("single-namespace.container-link-flags");
  ASSERT_THAT(state(con()), Ne(nullptr));
  EXPECT_THAT(*state(con()), HasLink(kContainerLink, AllOf(WithFlags(kLinkFlags), WithoutMaster())));
}

TEST_P(SingleNamespace, LoopbackIsUp) {
  REQUIREMENT("single-namespace.loopback-up");
  ASSERT_THAT(state(con()), Ne(nullptr));
  // lo never reports more than UNKNOWN.
  EXPECT_THAT(*state(con()), HasLink("lo", UpWithCarrier(OperState::kUnknown))) << what_raises("lo", con());
}

TEST_P(SingleNamespace, MtuIsTheSameOnBothEnds) {
  REQUIREMENT("single-namespace.mtu");
  const Link* outer = link("", kHostLink);
  const Link* inner = link(con(), kContainerLink);
  ASSERT_THAT(outer, Ne(nullptr));
  ASSERT_THAT(inner, Ne(nullptr));
  EXPECT_EQ(outer->mtu, mtu()) << "MTU of veth1";
  EXPECT_EQ(inner->mtu, mtu()) << "MTU of veth2";
}

TEST_P(SingleNamespace, MacAddressesDiffer) {
  REQUIREMENT("single-namespace.mac");
  const Link* outer = link("", kHostLink);
  const Link* inner = link(con(), kContainerLink);
  ASSERT_THAT(outer, Ne(nullptr));
  ASSERT_THAT(inner, Ne(nullptr));
  EXPECT_NE(outer->mac, inner->mac) << "veth1 and veth2 have the same MAC address";
  for (const Link* end : {outer, inner}) {
    EXPECT_FALSE(end->mac.is_zero() || (end->mac.bytes()[0] & 1) != 0)
        << end->name << "'s MAC " << end->mac.to_string() << " is no unicast address";
  }
}

// ---- addresses and routes ----

TEST_P(SingleNamespace, ContainerHasExactlyItsAddress) {
  REQUIREMENT("single-namespace.address");
  ASSERT_THAT(state(con()), Ne(nullptr));
  EXPECT_THAT(*state(con()), HasExactlyAddresses(kContainerLink, attachment().addresses));
}

TEST_P(SingleNamespace, HostLinkHasNoOtherAddress) {
  REQUIREMENT("single-namespace.host-link-address");
  EXPECT_THAT(*state(""), HasExactlyAddresses(kHostLink, declared_addresses("", kHostLink)));
}

TEST_P(SingleNamespace, NodeHasTheHostRoute) {
  REQUIREMENT("single-namespace.host-route");
  EXPECT_THAT(*state(""), HasExactlyRoute(declared_route("")));
}

TEST_P(SingleNamespace, NodesKernelChoosesTheHostRoute) {
  REQUIREMENT("single-namespace.host-route-chosen");
  RouteQuery query;
  query.destination = address();
  EXPECT_THAT(lookup(query), Chooses(kHostLink, std::nullopt));
}

TEST_P(SingleNamespace, NamespaceHasExactlyOneDefaultRoute) {
  REQUIREMENT("single-namespace.default-route");
  ASSERT_THAT(state(con()), Ne(nullptr));
  EXPECT_THAT(*state(con()), HasExactlyRoute(declared_route(con())));
}

TEST_P(SingleNamespace, NamespacesKernelChoosesTheWayBack) {
  REQUIREMENT("single-namespace.way-back-chosen");
  RouteQuery query;
  query.network_namespace = con();
  query.destination = uplink_address();
  // In IPv4 the gateway is the namespace's own address, which stands for no other machine: the kernel takes every
  // destination to be on the link itself and resolves it there (net/ipv4/route.c, rt_set_nexthop: only a gateway of
  // scope link is used as one).
  const std::optional<IpAddress> next_hop = v4() ? std::nullopt : attachment().gateway;
  EXPECT_THAT(lookup(query), Chooses(kContainerLink, next_hop, address()));
}

// ---- nothing else ----

NETNS_LAB_CLOSED_WORLD(SingleNamespace, "single-namespace");

TEST_P(SingleNamespace, NoNeighboursMadeByHand) {
  REQUIREMENT("single-namespace.no-other-neighbours");
  judge_undeclared(Area::kNeighbours);
  // What is known of the two ends (by the target's own packets, if it sent any) is what they are.
  expect_known_by(link("", kHostLink), state(con()), kContainerLink);
  expect_known_by(link(con(), kContainerLink), state(""), kHostLink);
}

// ---- reachability, proved at the receiver ----

TEST_P(SingleNamespace, NeighboursResolveEachOther) {
  REQUIREMENT("single-namespace.neighbour-resolution");
  const Link* outer = link("", kHostLink);
  const Link* inner = link(con(), kContainerLink);
  ASSERT_THAT(outer, Ne(nullptr));
  ASSERT_THAT(inner, Ne(nullptr));
  forget_neighbours();
  EchoSpec in = echo_in(kPayload);
  in.count = 1;
  const EchoReport inwards = ping(in);
  EXPECT_THAT(inwards, ResolvedBetween(inward(), outer->mac, inner->mac)) << why(inwards, inward());
  forget_neighbours();
  EchoSpec out = echo_out(kPayload);
  out.count = 1;
  const EchoReport outwards = ping(out);
  EXPECT_THAT(outwards, ResolvedBetween(outward(), inner->mac, outer->mac)) << why(outwards, outward());
}

TEST_P(SingleNamespace, HostReachesContainer) {
  REQUIREMENT("single-namespace.host-to-container");
  const EchoReport echo = ping(echo_in(kPayload));
  EXPECT_THAT(echo, EveryEchoAnswered(From(address()), SentFrom(node_source(echo)), Crossing(inward()),
                                      ArrivingWithTtl(64), PayloadIntact()))
      << why(echo, inward());
}

TEST_P(SingleNamespace, ContainerReachesHost) {
  REQUIREMENT("single-namespace.container-to-host");
  const EchoReport echo = ping(echo_out(kPayload));
  EXPECT_THAT(echo, EveryEchoAnswered(From(uplink_address()), SentFrom(address()), Crossing(outward()),
                                      ArrivingWithTtl(64), PayloadIntact()))
      << why(echo, outward());
}

TEST_P(SingleNamespace, EmptyEchoesAreAnswered) {
  REQUIREMENT("single-namespace.empty-payload");
  const EchoReport in = ping(echo_in(0));
  EXPECT_THAT(in, EveryEchoAnswered(From(address()), Crossing(inward()), PayloadIntact())) << why(in, inward());
  const EchoReport out = ping(echo_out(0));
  EXPECT_THAT(out, EveryEchoAnswered(From(uplink_address()), Crossing(outward()), PayloadIntact()))
      << why(out, outward());
}

TEST_P(SingleNamespace, EchoesOfTheFullMtuAreAnswered) {
  REQUIREMENT("single-namespace.full-mtu");
  const EchoReport in = ping(echo_in(full_payload(), true));
  EXPECT_THAT(in, EveryEchoAnswered(From(address()), Crossing(inward()), PayloadIntact())) << why(in, inward());
  const EchoReport out = ping(echo_out(full_payload(), true));
  EXPECT_THAT(out, EveryEchoAnswered(From(uplink_address()), Crossing(outward()), PayloadIntact()))
      << why(out, outward());
}

TEST_P(SingleNamespace, EchoesOverTheMtuAreRefusedBySender) {
  REQUIREMENT("single-namespace.over-mtu-refused");
  if (!some_are_over_mtu()) GTEST_SKIP() << "no IP packet is larger than an MTU of " << mtu();
  EXPECT_THAT(ping(echo_in(full_payload() + 1, true)), RefusedLocally(EMSGSIZE, inward()));
  EXPECT_THAT(ping(echo_out(full_payload() + 1, true)), RefusedLocally(EMSGSIZE, outward()));
}

TEST_P(SingleNamespace, FragmentedEchoesAreAnswered) {
  REQUIREMENT("single-namespace.fragmented");
  if (!some_are_over_mtu()) GTEST_SKIP() << "no IP packet is larger than an MTU of " << mtu();
  const EchoReport in = ping(echo_in(large_payload()));
  EXPECT_THAT(in, EveryEchoAnswered(From(address()), Crossing(inward()), PayloadIntact(), InFragments()))
      << why(in, inward());
  const EchoReport out = ping(echo_out(large_payload()));
  EXPECT_THAT(out, EveryEchoAnswered(From(uplink_address()), Crossing(outward()), PayloadIntact(), InFragments()))
      << why(out, outward());
}

TEST_P(SingleNamespace, UdpIsEchoedBothWays) {
  REQUIREMENT("single-namespace.udp");
  expect_talked(talk_in(Transport::kUdp), inward());
  expect_talked(talk_out(Transport::kUdp), outward());
}

TEST_P(SingleNamespace, TcpIsEchoedBothWays) {
  REQUIREMENT("single-namespace.tcp");
  expect_talked(talk_in(Transport::kTcp), inward());
  expect_talked(talk_out(Transport::kTcp), outward());
}

// ---- a third namespace joins the node: after all that looks at the node as it was built, and before what needs a
// fresh node, on which the kernel's tear-down is under way meanwhile. ----

TEST_P(SingleNamespace, NothingIsForwardedToTheContainer) {
  REQUIREMENT("single-namespace.isolation");
  Subject& subject = this->subject();
  ThirdNamespace third = value(ThirdNamespace::create(subject, 0, family()));
  if (on_this_machine() && third.changes_the_node(false)) {
    GTEST_SKIP() << "this machine forwards IPv6, and would stop to do so for everybody; use --lab sandbox";
  }
  value(third.set_forwarding(false));
  // The control: the third namespace's packets do reach the node. And in the same look a second echo of the node's
  // leaves when the wait is over: whatever of the third namespace's was on its way to the container has arrived before
  // it, over the same link.
  const auto look = [&](std::chrono::milliseconds wait) {
    EchoSpec witness = echo_in(kPayload);
    witness.count = 2;
    witness.interval = wait;
    return ping_on(subject, {third.echo_to(address(), {"", con()}, wait), witness,
                             third.echo_to(uplink_address(), {"", third.name()}, std::chrono::seconds(1))});
  };
  const auto arrives = EveryRequestArrivesAt("", third.node_link(), 64);
  std::vector<EchoReport> reports = look(kNegativeWait);
  if (!arrives.Matches(reports[0])) reports = look(std::chrono::seconds(1));  // a machine this busy needs patience
  EXPECT_THAT(reports[0], arrives);
  EXPECT_THAT(reports[1], EveryEchoAnswered(From(address()), Crossing(inward())));
  EXPECT_THAT(reports[2], EveryEchoAnswered(From(uplink_address())));
  EXPECT_THAT(reports[0], NothingArrivesAt(con(), kContainerLink));
}

TEST_P(SingleNamespace, ForwardingNodeDeliversWithOneHopLess) {
  REQUIREMENT("single-namespace.forwarding");
  Subject& subject = this->subject();
  ThirdNamespace third = value(ThirdNamespace::create(subject, 1, family()));
  if (on_this_machine() && third.changes_the_node(true)) {
    // addrconf_fixup_forwarding, net/ipv6/addrconf.c
    GTEST_SKIP() << "turning IPv6 forwarding on makes this machine drop the default routes it learned from routers; "
                    "use --lab sandbox";
  }
  value(third.set_forwarding(true));
  // The reply dies by design: the container's default route is via itself. So the probe cannot end early; a second one
  // waits longer before it is called lost.
  EchoReport probe = ping_on(subject, third.echo_to(address(), {"", con()}, kFirstLook));
  const auto arrives = EveryRequestArrivesAt(con(), kContainerLink, 63);
  if (!arrives.Matches(probe)) probe = ping_on(subject, third.echo_to(address(), {"", con()}, std::chrono::seconds(1)));
  EXPECT_THAT(probe, arrives) << why_on(subject, probe);
}

// ---- life: these change the network, so they get a fresh node and come last. They share it: torn down, rebuilt. ----

TEST_P(SingleNamespace, TearDownLeavesNothing) {
  REQUIREMENT("single-namespace.tear-down");
  judge_tear_down();
}

TEST_P(SingleNamespace, RebuildWorks) {
  REQUIREMENT("single-namespace.rebuild");
  judge_rebuild([this](Subject& subject) { expect_echoes_both_ways(subject); });
}

}  // namespace
}  // namespace netns_lab::single_namespace
