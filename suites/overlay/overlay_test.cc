// What must hold of part 4, in the order in which one claim rests on another (scenario.h draws the network,
// requirements.cc words the claims). What parts 2 and 3 ask for is judged by their own judgements.
#include <fmt/format.h>

#include <linux/if.h>
#include <linux/neighbour.h>

#include <cerrno>
#include <set>

#include "harness/base/text.h"
#include "harness/testing/matchers.h"
#include "suites/bridge/standing_cases.h"
#include "suites/multi-node/across_cases.h"
#include "suites/overlay/fixture.h"

namespace netns_lab::overlay {
namespace {

using ::testing::AllOf;
using ::testing::Ne;

NETNS_LAB_SUITE(Overlay, "overlay");

// ---- what stands, on each node as in part 2; nothing else; what works on one node alone ----

NETNS_LAB_BRIDGE_ON_EACH_NODE(Overlay, "overlay");

// ---- the tunnel ----

TEST_P(Overlay, TunnelIsALinkOfItsKind) {
  REQUIREMENT("overlay.tunnel");
  on_each_node([this] { EXPECT_THAT(*state(""), HasLink(link_across(), OfKind(is_vxlan() ? "vxlan" : "tun"))); });
}

TEST_P(Overlay, TunnelIsUp) {
  REQUIREMENT("overlay.tunnel-up");
  // Neither kind ever reports more than UNKNOWN (vxlan_open, tun_net_init: no operstate is set).
  on_each_node([this] { EXPECT_THAT(*state(""), HasLink(link_across(), UpWithCarrier(OperState::kUnknown))); });
}

TEST_P(Overlay, TunnelHasItsFlags) {
  REQUIREMENT("overlay.tunnel-flags");
  constexpr std::uint32_t kRunning = IFF_UP | IFF_RUNNING | IFF_LOWER_UP | IFF_MULTICAST;
  const std::uint32_t flags = kRunning | (is_vxlan() ? IFF_BROADCAST : IFF_POINTOPOINT | IFF_NOARP);
  on_each_node([&] { EXPECT_THAT(*state(""), HasLink(link_across(), AllOf(WithFlags(flags), WithoutMaster()))); });
}

TEST_P(Overlay, TunnelIsSetAsDeclared) {
  REQUIREMENT("overlay.tunnel-settings");
  on_each_node([this] {
    const Link* seen = tunnel_link(looked_at());
    const Link* uplink = link("", multi_node::kUplink);
    ASSERT_THAT(seen, Ne(nullptr)) << "there is no " << link_across();
    if (!is_vxlan()) {
      EXPECT_TRUE(seen->mac.is_zero()) << link_across() << " has the MAC address " << seen->mac
                                       << ": it carries frames (a TAP link), not packets";
      return;
    }
    const CreateVxlan& declared = *vxlan(looked_at());
    ASSERT_THAT(uplink, Ne(nullptr));
    EXPECT_EQ(seen->mac, *declared.mac) << "MAC address of " << link_across();
    ASSERT_TRUE(seen->vxlan) << link_across() << " has no VXLAN settings: it is of kind " << seen->kind;
    EXPECT_THAT(*seen->vxlan, finds_nothing<VxlanSettings>("is set as declared", [&](const VxlanSettings& settings) {
      return vxlan_findings(settings, declared, uplink->index);
    }));
  });
}

TEST_P(Overlay, TunnelKnowsTheOtherEndAndNobodyElse) {
  REQUIREMENT("overlay.tunnel-entries");
  on_each_node([this] {
    const std::size_t other = other_node(looked_at());
    std::set<MacAddress> wanted;
    if (is_vxlan()) wanted.insert(MacAddress());
    if (is_vxlan() && !vxlan(looked_at())->learning) wanted.insert(*vxlan(other)->mac);
    for (const ForwardingEntry& entry : state("")->forwarding) {
      if (entry.link != link_across() || !entry.destination) continue;
      EXPECT_EQ(*entry.destination, node_ip(other)) << entry << " leads to another machine";
      const bool is_the_others = entry.mac.is_zero() || entry.mac == *vxlan(other)->mac;
      EXPECT_TRUE(is_the_others) << entry << ": the other end's link has " << *vxlan(other)->mac;
      if (!entry.is_learned()) wanted.erase(entry.mac);
    }
    for (const MacAddress& mac : wanted) {
      ADD_FAILURE() << link_across() << " has no entry that sends "
                    << (mac.is_zero() ? std::string("what is for all") : "frames for " + mac.to_string()) << " to "
                    << node_ip(other).to_string();
    }
  });
  const OnTheUnderlay seen = look_at_underlay(between_containers(), kPayload, false);
  for (const std::size_t node : kNodes) {
    const auto findings =
        stray_findings(seen.packets.at(node), tunnel_port(), {node_ip(0), node_ip(1)}, uplink_text(node));
    EXPECT_TRUE(findings.empty()) << "\n  - " << join(findings, "\n  - ");
  }
}

TEST_P(Overlay, TunnelHasExactlyItsAddress) {
  REQUIREMENT("overlay.tunnel-address");
  on_each_node(
      [this] { EXPECT_THAT(*state(""), HasExactlyAddresses(link_across(), declared_addresses("", link_across()))); });
}

TEST_P(Overlay, TunnelsMtuFitsTheUplinks) {
  REQUIREMENT("overlay.tunnel-mtu");
  on_each_node([this] {
    const Link* seen = tunnel_link(looked_at());
    const Link* uplink = link("", multi_node::kUplink);
    ASSERT_THAT(seen, Ne(nullptr)) << "there is no " << link_across();
    ASSERT_THAT(uplink, Ne(nullptr));
    const std::uint32_t headers = overhead(is_vxlan(), family());
    EXPECT_EQ(seen->mtu, uplink->mtu - headers) << "MTU of " << link_across() << ": the uplink's is " << uplink->mtu
                                                << ", and " << headers << " bytes stand before the inner packet";
  });
}

// ---- routing ----

NETNS_LAB_ROUTING_BETWEEN_NODES(Overlay, "overlay");

// ---- the underlay ----

TEST_P(Overlay, NodesKernelsSendToEachOthersAddressByTheRouter) {
  REQUIREMENT("overlay.underlay-chosen");
  on_each_node([this] {
    RouteQuery query;
    query.destination = node_ip(other_node(looked_at()));
    EXPECT_THAT(lookup(query), Chooses(multi_node::kUplink, router(looked_at()), node_ip(looked_at())));
  });
}

TEST_P(Overlay, NodesReachEachOtherByTheRouter) {
  REQUIREMENT("overlay.underlay-reached");
  for (const std::size_t from : kNodes) {
    const Passage each = over_the_underlay(from, node_ip(other_node(from)));
    expect_answered_across(each, kPayload);
  }
}

TEST_P(Overlay, ContainersAreNotReachedWithoutTheTunnel) {
  REQUIREMENT("overlay.underlay-has-no-way");
  Node& between = *value(subject().outside());
  for (const std::size_t from : kNodes) {
    const std::size_t to = other_node(from);
    const auto is_routed = [&](const IpAddress& destination) {
      RouteQuery query;
      query.destination = destination;
      return value(between.lookup(query));
    };
    // The control: it is a router, and what is out of the uplink in this way arrives.
    const RouteAnswer to_node = is_routed(node_ip(to));
    EXPECT_EQ(to_node.system_errno, 0) << "the router has no route to " << node_ip(to).to_string();
    expect_answered_across(over_the_underlay(from, node_ip(to)), kPayload);
    for (const std::size_t container : kContainers) {
      const IpAddress destination = ip_of(to, container);
      const RouteAnswer answer = is_routed(destination);
      EXPECT_NE(answer.system_errno, 0) << "the router between the nodes would send what is for "
                                        << destination.to_string() << " out of " << answer.output_link;
      const Passage each = over_the_underlay(from, destination);
      EchoAcross forced = echo_of(each, kPayload);
      forced.far_watch.push_back(container_of(to, container).network_namespace);
      forced.spec.reply_wait = kNegativeWait;
      const EchoReport report = ping(forced);
      EXPECT_EQ(report.answered(), 0U) << destination.to_string() << " answered what was sent past the tunnel";
      EXPECT_THAT(report, NothingArrivesAt(place_on(node_name(to), ""), multi_node::kUplink));
      EXPECT_THAT(report, NothingArrivesAt(place_on(node_name(to), container_of(to, container).network_namespace),
                                           inner(container)));
    }
  }
}

// ---- from node to node, proved at the receiver ----

NETNS_LAB_ECHOES_BETWEEN_NODES(Overlay, "overlay");

TEST_P(Overlay, EchoesOverTheTunnelsMtuAreRefusedByTheNode) {
  REQUIREMENT("overlay.over-mtu-refused");
  const std::uint32_t payload = full_payload_across() + (link_mtu_across() - mtu_across()) + 1;
  for (const Passage& each : from_nodes())
    EXPECT_THAT(ping(echo_of(each, payload, true)), RefusedLocally(EMSGSIZE, each.way));
}

// ---- the tunnel carried them, proved on the underlay ----

TEST_P(Overlay, EveryPacketIsCarriedInUdpFromNodeToNode) {
  REQUIREMENT("overlay.encapsulated");
  expect_on_the_underlay(look_at_underlay(between_containers(), kPayload, false), outer_findings);
}

TEST_P(Overlay, HeadersAreTheTunnelsAndNameItsNetwork) {
  REQUIREMENT("overlay.tunnel-header");
  expect_on_the_underlay(look_at_underlay(between_containers(), kPayload, false), header_findings);
}

TEST_P(Overlay, InnerPacketsAreTheContainersOwn) {
  REQUIREMENT("overlay.inner-packet");
  expect_on_the_underlay(look_at_underlay(between_containers(), kPayload, false), inner_findings);
}

TEST_P(Overlay, NothingPassesOutsideOfTheTunnel) {
  REQUIREMENT("overlay.nothing-bare");
  const OnTheUnderlay seen = look_at_underlay(between_containers(), kPayload, false);
  std::vector<Prefix> subnets;
  for (const std::size_t node : kNodes) subnets.push_back(container_of(node, 0).addresses.front());
  for (const std::size_t node : kNodes) {
    EXPECT_FALSE(seen.packets.at(node).empty()) << "no packet was seen on " << uplink_text(node);
    const auto findings = bare_findings(seen.packets.at(node), subnets, uplink_text(node));
    EXPECT_TRUE(findings.empty()) << "\n  - " << join(findings, "\n  - ");
  }
}

TEST_P(Overlay, FullPacketsFillTheUplinksMtu) {
  REQUIREMENT("overlay.outer-size");
  const OnTheUnderlay seen = look_at_underlay(between_containers(), full_payload_across(), true);
  for (std::size_t i = 0; i < seen.passages.size(); ++i) {
    for (const std::size_t node : kNodes) {
      Encapsulation want = wanted_at(node, seen.passages[i]);
      want.outer_size = mtu_across() + overhead(is_vxlan(), family());
      const auto findings = outer_findings(seen.packets.at(node), seen.reports.at(i), want);
      EXPECT_TRUE(findings.empty()) << to_string(seen.passages[i].way) << ":\n  - " << join(findings, "\n  - ");
    }
  }
}

// ---- the rest of what passes ----

// Before anything else makes a container learn the path's MTU, which it keeps for 600 s.
TEST_P(Overlay, ContainersAreToldOfPacketsTooBig) {
  REQUIREMENT("overlay.too-big-told");
  if (mtu() == link_mtu_across()) {
    for (const Passage& each : between_containers())
      EXPECT_THAT(pings_of({each}, full_payload_across() + 1, true, 1).front(), RefusedLocally(EMSGSIZE, each.way));
    return;
  }
  // Where the containers' links take less than the tunnel, it is the nodes that must be told.
  std::vector<Passage> passages = mtu() > mtu_across() ? between_containers() : from_nodes();
  if (mtu() > mtu_across()) {
    for (Passage& each : to_nodes()) passages.push_back(std::move(each));
  }
  const std::vector<EchoReport> reports = pings_of(passages, full_payload_across() + 1, true, 1);
  for (std::size_t i = 0; i < passages.size(); ++i) {
    const Passage& each = passages[i];
    const std::string claim = fmt::format("is told on the way that {} bytes pass", mtu_across());
    EXPECT_THAT(reports.at(i),
                finds_nothing<EchoReport>(
                    claim, [&](const EchoReport& report) { return too_big_findings(report, each, false); }))
        << to_string(each.way);
  }
}

NETNS_LAB_TRANSPORT_BETWEEN_NODES(Overlay, "overlay");

// ---- life ----

NETNS_LAB_LIFE_OF_TWO_NODES(Overlay, "overlay");

}  // namespace
}  // namespace netns_lab::overlay
