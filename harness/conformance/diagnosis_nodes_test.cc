// Diagnosis between nodes, and across bridges.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "harness/conformance/test_lost.h"

namespace netns_lab {
namespace {

using namespace test_world;
using Row = LostRow;
using Step = Diagnosis::Step;
using ::testing::HasSubstr;

// ---- part 3: from netns1 on node-1 to netns1 on node-2, by two bridges and the segment ----

Link with_peer(Link link, std::uint32_t peer, std::optional<std::int32_t> id = 0) {
  link.peer_index = peer;
  link.peer_netnsid = id;
  return link;
}

Place node_place(std::size_t number) {
  Place node;
  const std::string n = std::to_string(number + 1);
  node.name = "node-" + n;
  node.node = number;
  node.uplink = "eth0";
  node.now.inode = 100 * (number + 1);
  Link bridge = link(3, "br0", "bridge", "02:00:00:00:0" + n + ":03");
  Link port = with_peer(link(4, "veth10", "veth", "02:00:00:00:0" + n + ":04"), 2);
  port.master = bridge.index;
  port.bridge_port = {{"state", 3}, {"isolated", 0}};
  node.now.links = {loopback(true), link(2, "eth0", "veth", "02:00:00:00:0" + n + ":02"), bridge, port};
  node.now.addresses = {address(node.now.links[1], "10.0.0." + n + "0/24"),
                        address(bridge, "172.16." + std::to_string(number) + ".1/24")};
  node.now.netnsids = {{0, node.now.inode + 1}};
  node.now.sysctls = {{"net.ipv4.conf.br0.forwarding", "1"}, {"net.ipv4.conf.eth0.forwarding", "1"}};
  return node;
}

Place container_place(std::size_t number) {
  Place inside;
  const std::string n = std::to_string(number + 1);
  inside.name = "netns1 on node-" + n;
  inside.node = number;
  inside.network_namespace = "netns1";
  inside.now.name = "netns1";
  inside.now.inode = 100 * (number + 1) + 1;
  const Link end = with_peer(link(2, "veth11", "veth", "02:00:00:00:0" + n + ":11"), 4);
  inside.now.links = {loopback(true), end};
  inside.now.addresses = {address(end, "172.16." + std::to_string(number) + ".2/24")};
  inside.now.netnsids = {{0, 100 * (number + 1)}};
  return inside;
}

RouteAnswer by(const std::string& link_name, const std::string& gateway) {
  RouteAnswer answer = out_of(link_name);
  answer.gateway = ip(gateway);
  return answer;
}

Lost lost_between_nodes() {
  Lost made;
  made.evidence.world.places = {node_place(0), container_place(0), node_place(1), container_place(1)};
  made.evidence.from = 1;
  made.evidence.trace.destination = ip("172.16.1.2");
  made.evidence.trace.source = ip("172.16.0.2");
  made.routes = {{"netns1 on node-1", by("veth11", "172.16.0.1")},
                 {"node-1", by("eth0", "10.0.0.20")},
                 {"node-2", out_of("br0")},
                 {"netns1 on node-2", local()}};
  made.back = {{"netns1 on node-2", by("veth11", "172.16.1.1")},
               {"node-2", by("eth0", "10.0.0.10")},
               {"node-1", out_of("br0")},
               {"netns1 on node-1", local()}};
  return made;
}

TEST(PathBetweenNodes, PassesEveryInterface) {
  Lost world = lost_between_nodes();
  world.walk();
  std::vector<std::string> points;
  for (const WalkedPoint& point : walked(world.evidence)) points.push_back(point.link + " " + point.place);
  EXPECT_THAT(points,
              ::testing::ElementsAre("veth11 netns1 on node-1", "veth10 node-1", "br0 node-1", "eth0 node-1",
                                     "eth0 node-2", "br0 node-2", "veth10 node-2", "veth11 netns1 on node-2",  //
                                     "veth11 netns1 on node-2", "veth10 node-2", "br0 node-2", "eth0 node-2",
                                     "eth0 node-1", "br0 node-1", "veth10 node-1", "veth11 netns1 on node-1"));
}

class BetweenNodes : public ::testing::TestWithParam<Row> {};
TEST_P(BetweenNodes, TheFirstBrokenStepIsNamed) {
  Lost world = lost_between_nodes();
  GetParam().network(world);
  world.walk();
  GetParam().seen(world);
  const Diagnosis diagnosis = diagnose(world.evidence);
  EXPECT_EQ(to_string(diagnosis.step), to_string(GetParam().step)) << diagnosis.text;
  EXPECT_THAT(diagnosis.text, HasSubstr(GetParam().says));
}

const Row kRowsBetweenNodes[] = {
    {"PortDisabled", [](Lost& l) { l.link("node-1", "veth10").bridge_port["state"] = 0; }, [](Lost& l) { l.pass(2); },
     Step::kBridge, "the bridge's port veth10 in node-1 is disabled, not forwarding"},
    {"FilterOfTheBridge", [](Lost& l) { l.filter("node-1", "input", "bridge extra"); }, [](Lost& l) { l.pass(2); },
     Step::kBridge, "a filter of the bridge drops it: table bridge extra"},
    {"ForTheWrongMac", nothing,
     [](Lost& l) {
       l.pass(2);
       l.evidence.trace.requests.back().link_destination = MacAddress::parse("02:00:00:00:00:99").value();
     },
     Step::kNeighbour, "addressed to 02:00:00:00:00:99, and br0 is 02:00:00:00:01:03"},
    {"NoRouter", [](Lost& l) { l.state("node-2").sysctls["net.ipv4.conf.eth0.forwarding"] = "0"; },
     [](Lost& l) { l.pass(5); }, Step::kForwarding,
     "the request reached eth0 (node-2); node-2 does not forward what comes in by eth0: net.ipv4.conf.eth0.forwarding "
     "is 0 (sysctl -w net.ipv4.ip_forward=1)"},
    {"ForwardFilter", [](Lost& l) { l.filter("node-2", "forward"); }, [](Lost& l) { l.pass(5); }, Step::kForwarding,
     "a packet filter of node-2 drops it: table inet extra"},
    {"ForwardedNowhere", nothing, [](Lost& l) { l.pass(5); }, Step::kForwarding,
     "dropped between eth0 (node-2) and br0 (node-2)"},
    {"NoRouteOnTheWay", [](Lost& l) { l.routes["node-1"].system_errno = ENETUNREACH; }, [](Lost& l) { l.pass(3); },
     Step::kRoute, "the request reached br0 (node-1); node-1 has no way to 172.16.1.2"},
    {"RuleOnTheWay", [](Lost& l) { l.routes["node-2"].system_errno = EACCES; }, [](Lost& l) { l.pass(5); },
     Step::kRoute, "node-2 has no way to 172.16.1.2: asked for a route, its kernel says EACCES (a prohibit route)"},
    {"ToTheOutside", [](Lost& l) { l.routes["node-1"] = by("eth0", "10.0.0.1"); }, [](Lost& l) { l.pass(4); },
     Step::kRoute, "it left eth0 (node-1) for 10.0.0.1, which is no machine of this lab"},
    {"NoWayBack", [](Lost& l) { l.back["node-2"].system_errno = ENETUNREACH; }, [](Lost& l) { l.pass(8, 3); },
     Step::kWayBack, "the reply reached br0 (node-2); node-2 has no way back to 172.16.0.2"},
    {"AnswersElsewhere", [](Lost& l) { l.back["node-2"] = by("eth0", "10.0.0.1"); }, [](Lost& l) { l.pass(8, 4); },
     Step::kRoute, "it left eth0 (node-2) for 10.0.0.1, which is no machine of this lab"},
    {"SegmentLost", nothing, [](Lost& l) { l.pass(4); }, Step::kWire,
     "the request was dropped between eth0 (node-1) and eth0 (node-2)"},
    {"UnresolvedBehindTheBridge", nothing,
     [](Lost& l) {
       l.pass(5);
       l.asked = l.evidence.trace.destination;
       l.ask("node-2", "br0", kSent);
       l.ask("netns1 on node-2", "veth11", kReceived);
     },
     Step::kNeighbour, "the question arrived at veth11 (netns1 on node-2), and netns1 on node-2 did not answer"},
    {"InRings", [](Lost& l) { l.routes["node-2"] = by("eth0", "10.0.0.10"); }, [](Lost& l) { l.pass_all_there(); },
     Step::kRoute, "go in rings"},
    {"NoSuchAddress", [](Lost& l) { l.evidence.trace.destination = ip("172.16.1.9"); },
     [](Lost& l) {
       l.pass(5);
       l.asked = l.evidence.trace.destination;
       l.ask("node-2", "br0", kSent);
     },
     Step::kNeighbour, "br0 (node-2) asked by ARP who has 172.16.1.9, and nobody on that link has that address"},
    {"Masqueraded", [](Lost& l) { l.filter("node-1", "postrouting"); },
     [](Lost& l) {
       l.pass_all_there();
       l.evidence.trace.all_answered = true;
       for (std::size_t i = 3; i < 8; ++i) l.evidence.trace.requests[i].source = ip("10.0.0.10");
     },
     Step::kRewriting,
     "between br0 (node-1) and eth0 (node-1) something changed the source of the request from 172.16.0.2 to 10.0.0.10"},
};
INSTANTIATE_TEST_SUITE_P(Rows, BetweenNodes, ::testing::ValuesIn(kRowsBetweenNodes),
                         [](const auto& row) { return std::string(row.param.name); });

// node-1 translates what its container sends to the other node.
Lost translated() {
  Lost made = lost_between_nodes();
  made.evidence.trace.may_be_translated = true;
  made.evidence.trace.destination = ip("10.0.0.20");
  made.routes["node-2"] = local();
  made.back = {{"node-2", out_of("eth0")}, {"node-1", out_of("br0")}, {"netns1 on node-1", local()}};
  return made;
}
// The request arrived, and the answer is seen at so many points.
void answer(Lost& lost, std::size_t points) {
  lost.walk();
  lost.pass_all_there();
  for (std::size_t i = 3; i < lost.evidence.trace.requests.size(); ++i)
    lost.evidence.trace.requests[i].source = ip("10.0.0.10");
  lost.walk();
  lost.pass(0, points);
  for (std::size_t i = 0; i < std::min<std::size_t>(points, 2); ++i)
    lost.evidence.trace.replies[i].destination = ip("10.0.0.10");
}

TEST(TranslatedBetweenNodes, TheAnswerIsFollowedToTheNodeAndOn) {
  Lost world = translated();
  answer(world, 2);
  std::vector<std::string> points;
  for (const Point& point : world.evidence.back.points)
    points.push_back(point.link + " " + world.evidence.world.at(point.place).name);
  EXPECT_THAT(points, ::testing::ElementsAre("eth0 node-2", "eth0 node-1", "br0 node-1", "veth10 node-1",
                                             "veth11 netns1 on node-1"));
  EXPECT_THAT(diagnose(world.evidence).text, HasSubstr("dropped between eth0 (node-1) and br0 (node-1)"));
}
TEST(TranslatedBetweenNodes, WhatLooksForAWayBackIsTheAddressOnTheWay) {
  Lost world = translated();
  world.back["node-2"].system_errno = ENETUNREACH;
  answer(world, 0);
  EXPECT_THAT(diagnose(world.evidence).text, HasSubstr("node-2 has no way back to 10.0.0.10"));
}
TEST(TranslatedBetweenNodes, AnAddressThatNobodyHasIsAnsweredInVain) {
  Lost world = translated();
  world.walk();
  world.pass_all_there();
  for (std::size_t i = 3; i < world.evidence.trace.requests.size(); ++i)
    world.evidence.trace.requests[i].source = ip("10.0.0.77");
  world.back["node-2"] = by("eth0", "10.0.0.77");
  world.walk();
  world.pass(0, 1);
  EXPECT_THAT(diagnose(world.evidence).text, HasSubstr("it left eth0 (node-2) for 10.0.0.77"));
}
TEST(TranslatedBetweenNodes, TheTranslationItselfIsNoFault) {
  Lost world = translated();
  answer(world, 5);
  world.evidence.trace.all_answered = world.evidence.trace.any_answered = true;
  EXPECT_EQ(to_string(diagnose(world.evidence).step), "none") << diagnose(world.evidence).text;
  world.evidence.trace.may_be_translated = false;
  EXPECT_THAT(diagnose(world.evidence).text, HasSubstr("changed the source of the request"));
}

TEST(TranslatedBetweenNodes, AHopThatIsNotTakenIsTold) {
  Lost world = translated();
  answer(world, 5);
  world.evidence.trace.all_answered = world.evidence.trace.any_answered = true;
  for (Sighting& sighting : world.evidence.trace.requests) sighting.ttl = 64;
  EXPECT_THAT(diagnose(world.evidence).text,
              HasSubstr("between br0 (node-1) and eth0 (node-1) something changed the TTL of the request: 63 was to be "
                        "left of 64, and it is 64"));
}

// Two ports of one bridge of one node.
TEST(AcrossABridge, IsolatedPortsAndStaleEntriesAreNamed) {
  Lost world;
  Place node = node_place(0);
  Link second = with_peer(link(5, "veth20", "veth", "02:00:00:00:01:05"), 2, 1);
  second.master = 3;
  second.bridge_port = {{"state", 3}, {"isolated", 0}};
  node.now.links.push_back(second);
  node.now.netnsids[1] = 102;
  Place other = container_place(0);
  other.name = "netns2 on node-1";
  other.now.inode = 102;
  other.now.links[1].peer_index = 5;
  other.now.addresses = {address(other.now.links[1], "172.16.0.3/24")};
  world.evidence.world.places = {node, container_place(0), other};
  world.evidence.from = 1;
  world.evidence.trace.destination = ip("172.16.0.3");
  world.evidence.trace.source = ip("172.16.0.2");
  world.routes = {{"netns1 on node-1", out_of("veth11")}, {"netns2 on node-1", local()}};
  world.back = {{"netns2 on node-1", out_of("veth11")}, {"netns1 on node-1", local()}};
  world.walk();
  world.pass(2);
  EXPECT_THAT(diagnose(world.evidence).text, HasSubstr("dropped between veth10 (node-1) and veth20 (node-1)"));
  ForwardingEntry entry;
  entry.link = "eth0";
  entry.bridge = "br0";
  entry.mac = world.evidence.trace.requests.back().link_destination;
  world.state("node-1").forwarding = {entry};
  EXPECT_THAT(diagnose(world.evidence).text, HasSubstr("to be behind eth0, not behind veth20"));
  world.link("node-1", "veth10").bridge_port["isolated"] = 1;
  world.link("node-1", "veth20").bridge_port["isolated"] = 1;
  EXPECT_THAT(diagnose(world.evidence).text, HasSubstr("are isolated"));
}

}  // namespace
}  // namespace netns_lab
