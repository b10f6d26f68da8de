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
