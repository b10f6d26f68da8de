#include "harness/netlink/bridge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>

#include "harness/netlink/link.h"
#include "harness/netlink/multicast_group.h"
#include "harness/netlink/test_namespace.h"

namespace netns_lab::netlink {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Pair;

class BridgeTest : public KernelTest {
 protected:
  // veth1, up with its peer, is a port of br0, up.
  void make_bridge() {
    arranged(socket().execute(create_link("br0", "bridge")));
    make_pair("veth1", "veth2");
    LinkChange join;
    join.master = index_of("br0");
    arranged(socket().execute(set_link(LinkRef::named("veth1"), join)));
    for (const char* name : {"br0", "veth1", "veth2"}) raise(name);
  }
  Link link(const char* name) { return get_link(socket(), LinkRef::named(name)).value(); }
  void add_static(const MacAddress& mac) {
    Request request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL);
    ndmsg header{};
    header.ndm_family = AF_BRIDGE;
    header.ndm_ifindex = static_cast<int>(index_of("veth1"));
    header.ndm_state = NUD_NOARP;
    header.ndm_flags = NTF_MASTER;
    request.put_header(header);
    request.put(NDA_LLADDR, mac);
    arranged(socket().execute(std::move(request)));
  }
  std::vector<ForwardingRow> rows_of(const MacAddress& mac) {
    std::vector<ForwardingRow> rows = list_forwarding(socket()).value();
    std::erase_if(rows, [&](const ForwardingRow& row) { return row.entry.mac != mac || row.master == 0; });
    return rows;
  }
};

TEST_F(BridgeTest, SettingsAreTheKernelsDefaults) {
  make_bridge();
  EXPECT_THAT(link("br0").bridge, Contains(Pair("stp_state", 0U)));
  EXPECT_THAT(link("br0").bridge, Contains(Pair("ageing_time", 30'000U)));
  EXPECT_THAT(link("br0").bridge_port, IsEmpty());
  const BridgeSettings port = link("veth1").bridge_port;
  for (const char* name : {"learning", "flood", "mcast_flood", "bcast_flood"})
    EXPECT_THAT(port, Contains(Pair(name, 1U)));
  for (const char* name : {"hairpin", "isolated", "guard"}) EXPECT_THAT(port, Contains(Pair(name, 0U)));
  EXPECT_THAT(link("veth1").bridge, IsEmpty());
}

// As br_multicast_init of net/bridge/br_multicast.c has them, where the kernel can snoop.
TEST_F(BridgeTest, FurtherSettingsAreOfTheLink) {
  make_bridge();
  EXPECT_THAT(link("br0").settings, Contains(Pair("group_address", 0U)));
  EXPECT_THAT(link("br0").settings, Contains(Pair("no_linklocal_learn", 0U)));
  EXPECT_THAT(link("veth1").settings, testing::Not(Contains(Pair("group_address", 0U))));
  EXPECT_EQ(link("br0").broadcast, MacAddress({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
  EXPECT_TRUE(link("lo").broadcast.is_zero());
}

TEST_F(BridgeTest, AGroupThatStaysIsTold) {
  make_bridge();
  EXPECT_THAT(list_multicast_groups(socket()).value(), IsEmpty());
  Request request(RTM_NEWMDB, NLM_F_CREATE | NLM_F_EXCL);
  br_port_msg header{};
  header.family = AF_BRIDGE;
  header.ifindex = index_of("br0");
  request.put_header(header);
  br_mdb_entry entry{};
  entry.ifindex = index_of("veth1");
  entry.state = MDB_PERMANENT;
  entry.addr.u.ip4 = htonl(0xef010101);
  entry.addr.proto = htons(ETH_P_IP);
  request.put_struct(MDBA_SET_ENTRY, entry);
  const auto made = socket().execute(std::move(request));
  if (!made && made.error().system_errno == EOPNOTSUPP) GTEST_SKIP() << "this kernel's bridges do not snoop";
  ASSERT_TRUE(made) << made.error();
  const auto groups = list_multicast_groups(socket()).value();
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].object.name, "239.1.1.1");
  EXPECT_EQ(groups[0].link_index, index_of("veth1"));
}

TEST_F(BridgeTest, HairpinIsSetOnPortsOnly) {
  make_bridge();
  for (const bool on : {true, false}) {
    arranged(socket().execute(set_hairpin(index_of("veth1"), on)));
    EXPECT_THAT(link("veth1").bridge_port, Contains(Pair("hairpin", on ? 1U : 0U)));
  }
  const auto refused = socket().execute(set_hairpin(index_of("veth2"), true));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().system_errno, EOPNOTSUPP);
}

TEST_F(BridgeTest, WhatIsNoBridgeAndNoPortHasNoSettings) {
  make_pair("veth1", "veth2");
  EXPECT_THAT(link("veth1").bridge, IsEmpty());
  EXPECT_THAT(link("veth1").bridge_port, IsEmpty());
}

TEST_F(BridgeTest, OwnAddressesOfTheBridgeAndItsPortsAreLocal) {
  make_bridge();
  const auto rows = rows_of(link("veth1").mac);
  ASSERT_THAT(rows, testing::Not(IsEmpty()));
  for (const ForwardingRow& row : rows) {
    EXPECT_TRUE(row.entry.is_local()) << row.entry;
    EXPECT_FALSE(row.entry.is_learned()) << row.entry;
    EXPECT_EQ(row.master, index_of("br0"));
  }
}

TEST_F(BridgeTest, StaticEntriesAreTold) {
  make_bridge();
  const MacAddress mac({2, 0, 0, 0, 0, 9});
  add_static(mac);
  const auto rows = rows_of(mac);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_TRUE(rows[0].entry.is_static());
  EXPECT_FALSE(rows[0].entry.is_learned());
  EXPECT_EQ(rows[0].entry.link_index, index_of("veth1"));
}

}  // namespace
}  // namespace netns_lab::netlink
