#include "harness/netlink/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include <algorithm>

#include "harness/netlink/test_namespace.h"

namespace netns_lab::netlink {
namespace {

class LinkTest : public KernelTest {};

TEST_F(LinkTest, FreshNamespaceHoldsTheLoopbackLinkOnly) {
  const auto links = list_links(socket());
  ASSERT_TRUE(links) << links.error();
  ASSERT_EQ(links->size(), 1U);
  EXPECT_EQ(links->front().name, "lo");
  EXPECT_EQ(links->front().index, 1U);
  EXPECT_TRUE(links->front().is_loopback());
  EXPECT_FALSE(links->front().is_up());
  EXPECT_EQ(links->front().mtu, 65536U);
}

TEST_F(LinkTest, CreatesAVethPairWithThePeerNamedInAnotherNamespace) {
  const OtherNamespace other;
  VethSpec spec;
  spec.name = "veth1";
  spec.peer_name = "veth2";
  spec.peer_namespace = other.fd();
  spec.mtu = 1400;
  spec.mac = MacAddress({2, 0, 0, 0, 0, 1});
  spec.peer_mac = MacAddress({2, 0, 0, 0, 0, 2});
  spec.group = 77;
  spec.up = true;
  const auto replies = socket().exchange(create_veth(spec));
  ASSERT_TRUE(replies) << replies.error();

  const auto near = get_link(socket(), LinkRef::named("veth1"));
  ASSERT_TRUE(near) << near.error();
  NetlinkSocket other_socket = other.socket();
  const auto far = get_link(other_socket, LinkRef::named("veth2"));
  ASSERT_TRUE(far) << far.error();
  EXPECT_EQ(near->kind, "veth");
  EXPECT_EQ(far->kind, "veth");
  EXPECT_EQ(near->peer_index, far->index);
  EXPECT_EQ(far->peer_index, near->index);
  EXPECT_TRUE(near->peer_netnsid.has_value());
  EXPECT_EQ(near->mtu, 1400U);
  EXPECT_EQ(far->mtu, 1400U);
  EXPECT_EQ(near->mac.to_string(), "02:00:00:00:00:01");
  EXPECT_EQ(far->mac.to_string(), "02:00:00:00:00:02");
  EXPECT_EQ(near->group, 77U);
  EXPECT_TRUE(near->is_up());
  EXPECT_FALSE(far->is_up());
  if (!replies->empty()) {  // Linux 6.2 and later echo the new link
    const auto echoed = decode_link((*replies)[0]);
    ASSERT_TRUE(echoed) << echoed.error();
    EXPECT_EQ(echoed->index, near->index);
    EXPECT_EQ(echoed->peer_index, far->index);
  }
}

struct ChangeRow {
  const char* name;
  LinkChange change;
  void (*check)(const Link& link);
};
void PrintTo(const ChangeRow& row, std::ostream* out) { *out << row.name; }

class LinkChangeTest : public KernelTest, public testing::WithParamInterface<ChangeRow> {};

TEST_P(LinkChangeTest, IsSeenAfterwards) {
  make_pair("veth1", "veth2");
  const auto before = get_link(socket(), LinkRef::named("veth1"));
  ASSERT_TRUE(before) << before.error();
  const auto done = socket().execute(set_link(LinkRef::indexed(before->index), GetParam().change));
  ASSERT_TRUE(done) << done.error();
  const auto after = get_link(socket(), LinkRef::indexed(before->index));
  ASSERT_TRUE(after) << after.error();
  GetParam().check(*after);
}

LinkChange with(void (*fill)(LinkChange&)) {
  LinkChange change;
  fill(change);
  return change;
}

INSTANTIATE_TEST_SUITE_P(
    Changes, LinkChangeTest,
    testing::Values(ChangeRow{"Up", with([](LinkChange& c) { c.up = true; }),
                              [](const Link& link) { EXPECT_TRUE(link.is_up()) << link; }},
                    ChangeRow{"Mtu", with([](LinkChange& c) { c.mtu = 1280; }),
                              [](const Link& link) { EXPECT_EQ(link.mtu, 1280U); }},
                    ChangeRow{"Mac", with([](LinkChange& c) {
                                c.mac = MacAddress({2, 1, 2, 3, 4, 5});
                              }),
                              [](const Link& link) { EXPECT_EQ(link.mac.to_string(), "02:01:02:03:04:05"); }},
                    ChangeRow{"Group", with([](LinkChange& c) { c.group = 9; }),
                              [](const Link& link) { EXPECT_EQ(link.group, 9U); }},
                    ChangeRow{"Name", with([](LinkChange& c) { c.new_name = "renamed"; }),
                              [](const Link& link) { EXPECT_EQ(link.name, "renamed"); }},
                    ChangeRow{"NoArp", with([](LinkChange& c) { c.arp = false; }),
                              [](const Link& link) { EXPECT_NE(link.flags & IFF_NOARP, 0U) << link; }}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(LinkTest, BridgeTakesAPortAndReleasesIt) {
  make_pair("veth1", "veth2");
  ASSERT_TRUE(socket().execute(create_link("br0", "bridge")));
  const auto bridge = get_link(socket(), LinkRef::named("br0"));
  ASSERT_TRUE(bridge) << bridge.error();
  EXPECT_EQ(bridge->kind, "bridge");

  LinkChange join;
  join.master = bridge->index;
  ASSERT_TRUE(socket().execute(set_link(LinkRef::named("veth1"), join)));
  EXPECT_EQ(get_link(socket(), LinkRef::named("veth1"))->master, bridge->index);
  LinkChange leave;
  leave.master = 0;
  ASSERT_TRUE(socket().execute(set_link(LinkRef::named("veth1"), leave)));
  EXPECT_EQ(get_link(socket(), LinkRef::named("veth1"))->master, std::nullopt);
}

TEST_F(LinkTest, MovesToAnotherNamespace) {
  make_pair("veth1", "veth2");
  const OtherNamespace other;
  LinkChange move;
  move.move_to = other.fd();
  const auto done = socket().execute(set_link(LinkRef::named("veth2"), move));
  ASSERT_TRUE(done) << done.error();
  EXPECT_EQ(get_link(socket(), LinkRef::named("veth2")).error().system_errno, ENODEV);
  NetlinkSocket other_socket = other.socket();
  EXPECT_TRUE(get_link(other_socket, LinkRef::named("veth2")));
}

TEST_F(LinkTest, DeletesOneAndItsPeerGoesToo) {
  make_pair("veth1", "veth2");
  ASSERT_TRUE(socket().execute(delete_link(LinkRef::named("veth1"))));
  const auto links = list_links(socket());
  ASSERT_TRUE(links) << links.error();
  EXPECT_EQ(links->size(), 1U);
}

TEST_F(LinkTest, DeletesAWholeGroupAndNothingElse) {
  make_pair("veth1", "veth2");
  make_pair("veth3", "veth4");
  LinkChange group;
  group.group = 5;
  ASSERT_TRUE(socket().execute(set_link(LinkRef::named("veth1"), group)));
  ASSERT_TRUE(socket().execute(delete_links_of_group(5)));
  const auto links = list_links(socket());
  ASSERT_TRUE(links) << links.error();
  std::vector<std::string> names;
  for (const Link& link : *links) names.push_back(link.name);
  EXPECT_THAT(names, testing::UnorderedElementsAre("lo", "veth3", "veth4"));
}

TEST_F(LinkTest, GroupZeroIsRefusedBeforeItReachesTheKernel) {
  EXPECT_THROW(delete_links_of_group(0), std::invalid_argument);
}

TEST_F(LinkTest, RefusalsNameTheLinkAndTheErrno) {
  const auto missing = get_link(socket(), LinkRef::named("nowhere"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().system_errno, ENODEV);
  EXPECT_THAT(missing.error().message(), testing::HasSubstr("nowhere"));

  make_pair("veth1", "veth2");
  VethSpec again;
  again.name = "veth1";
  again.peer_name = "veth9";
  const auto taken = socket().execute(create_veth(again));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().system_errno, EEXIST);
  EXPECT_THAT(taken.error().message(), testing::HasSubstr("create veth veth1: EEXIST"));

  const auto unknown = socket().execute(create_link("x0", "no-such-kind"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().system_errno, EOPNOTSUPP);
  EXPECT_THAT(unknown.error().detail, testing::HasSubstr("Unknown device type"));
}

}  // namespace
}  // namespace netns_lab::netlink
