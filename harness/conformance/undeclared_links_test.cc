#include "harness/conformance/undeclared_links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/conformance/closed_world.h"
#include "harness/conformance/test_world.h"

namespace netns_lab {
namespace {

using namespace test_world;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Declaration declared() { return declaration_of(topology()); }

TEST(UndeclaredLinks, AGroupThatIsDeclaredIsNoFinding) {
  Snapshot with = after();
  node_of(with).links.back().group = 4;
  Declaration known = declared();
  EXPECT_THAT(undeclared(Area::kLinks, before(), with, known), SizeIs(1));
  for (DeclaredLink& link : known.links) link.group = link.name == "veth1" ? 4 : 0;
  EXPECT_THAT(undeclared(Area::kLinks, before(), with, known), IsEmpty());
}

TEST(UndeclaredLinks, ABroadcastAddressThatNoNewLinkHasIsAFinding) {
  Snapshot with = after();
  node_of(with).links.back().broadcast = MacAddress({1, 0, 0x5e, 0, 0, 1});
  EXPECT_THAT(undeclared(Area::kLinks, before(), with, declared()),
              ElementsAre(HasSubstr("has the broadcast address 01:00:5e:00:00:01, a new link has ")));
  with = after();
  for (Link& link : node_of(with).links) {
    if (link.name == "eth0") link.broadcast = MacAddress({1, 0, 0x5e, 0, 0, 1});
  }
  EXPECT_THAT(undeclared(Area::kLinks, before(), with, declared()),
              ElementsAre(HasSubstr("eth0 in the node was changed: broadcast address 01:00:5e:00:00:01, it was ")));
}

ForwardingEntry taken_in(const Link& link) {
  ForwardingEntry entry;
  entry.link_index = link.index;
  entry.link = link.name;
  entry.mac = MacAddress({2, 0, 0, 0, 0, 0x77});
  entry.state = 0x80;
  entry.flags = 0x02;  // NTF_SELF
  return entry;
}

TEST(UndeclaredLinks, AFurtherMacAddressThatALinkTakesInIsAFinding) {
  Snapshot with = after();
  node_of(with).forwarding = {taken_in(node_of(with).links.back())};
  EXPECT_THAT(
      undeclared(Area::kLinks, before(), with, declared()),
      ElementsAre(HasSubstr("link veth1 in the node takes in what is for the MAC address 02:00:00:00:00:77, too")));
  EXPECT_THAT(undeclared(Area::kForwarding, before(), with, declared()), IsEmpty()) << "told once";
}

TEST(UndeclaredLinks, AMacAddressThatTheUplinkTookInBeforeStaysAsItWas) {
  Snapshot was = before();
  node_of(was).forwarding = {taken_in(node_of(was).links.back())};
  Snapshot now = after();
  node_of(now).forwarding = node_of(was).forwarding;
  EXPECT_THAT(undeclared(Area::kLinks, was, now, declared()), IsEmpty());
  EXPECT_THAT(
      undeclared(Area::kLinks, was, after(), declared()),
      ElementsAre(HasSubstr("link eth0 in the node took in what is for the MAC address 02:00:00:00:00:77 before")));
}

TEST(UndeclaredLinks, TheEntriesOfABridgeAndOfAVxlanLinkAreNoSettingOfALink) {
  Snapshot with = after();
  Link& veth1 = node_of(with).links.back();
  ForwardingEntry of_bridge = taken_in(veth1);
  of_bridge.bridge = "br0";
  ForwardingEntry own = taken_in(veth1);
  own.mac = veth1.mac;
  node_of(with).forwarding = {of_bridge, own};
  EXPECT_THAT(undeclared(Area::kLinks, before(), with, declared()), IsEmpty());
  node_of(with).forwarding = {taken_in(veth1)};
  veth1.vxlan.emplace();
  EXPECT_THAT(undeclared(Area::kLinks, before(), with, declared()), IsEmpty());
}

// A bridge takes over what its ports have, and how many queues a link has is no matter.
TEST(UndeclaredLinks, WhatFollowsFromOtherLinksIsNoFinding) {
  Snapshot with = after();
  Link& veth1 = node_of(with).links.back();
  veth1.settings = {{"gso_max_size", 2000}, {"numtxqueues", 1}};
  EXPECT_THAT(undeclared(Area::kLinks, before(), with, declared()), SizeIs(1));
  Link port = link(9, "eth9", "veth", "02:00:00:00:00:09");
  port.master = veth1.index;
  port.settings = {{"gso_max_size", 2000}};
  node_of(with).links.push_back(port);
  EXPECT_THAT(undeclared(Area::kLinks, before(), with, declared()), ElementsAre(HasSubstr("link eth9 in the node")));
}

}  // namespace
}  // namespace netns_lab
