#include "harness/netlink/vxlan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "harness/netlink/bridge.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/test_namespace.h"

namespace netns_lab::netlink {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Pair;

const IpAddress kLocal = IpAddress::v4(10, 0, 0, 10);
const IpAddress kRemote = IpAddress::v4(10, 0, 1, 20);
const MacAddress kMac({0x02, 0, 0xac, 0x10, 0xff, 1});

class VxlanTest : public KernelTest {
 protected:
  VxlanTest() {
    make_pair("up0", "up1");
    raise("up0");
  }
  VxlanSpec spec() {
    VxlanSpec wanted;
    wanted.name = "vxlan0";
    wanted.vni = 42;
    wanted.port = 4789;
    wanted.local = kLocal;
    wanted.remote = kRemote;
    wanted.link_index = index_of("up0");
    wanted.mac = kMac;
    return wanted;
  }
  Link made() { return get_link(socket(), LinkRef::named("vxlan0")).value(); }
  std::vector<ForwardingEntry> entries() {
    std::vector<ForwardingEntry> own;
    const std::vector<ForwardingRow> rows = list_forwarding(socket()).value();
    for (const ForwardingRow& row : rows) {
      if (row.entry.link_index == index_of("vxlan0")) own.push_back(row.entry);
    }
    return own;
  }
};

TEST_F(VxlanTest, IsSetAsAsked) {
  arranged(socket().execute(create_vxlan(spec())));
  const Link link = made();
  EXPECT_EQ(link.kind, "vxlan");
  EXPECT_EQ(link.mac, kMac);
  EXPECT_EQ(link.mtu, 1450U) << "the uplink's less 50 bytes of headers";
  ASSERT_TRUE(link.vxlan);
  EXPECT_EQ(link.vxlan->vni, 42U);
  EXPECT_EQ(link.vxlan->port, 4789);
  EXPECT_EQ(link.vxlan->local, kLocal);
  EXPECT_EQ(link.vxlan->remote, kRemote);
  EXPECT_EQ(link.vxlan->link_index, index_of("up0"));
  EXPECT_THAT(link.vxlan->other, Contains(Pair("learning", 1U)));
  EXPECT_THAT(link.vxlan->other, Contains(Pair("udpcsum", 1U)));
  EXPECT_THAT(link.vxlan->other, Contains(Pair("ageing", 300U)));
}

TEST_F(VxlanTest, OfIpv6WithoutLearning) {
  VxlanSpec wanted = spec();
  wanted.local = IpAddress::parse("2001:db8:0:1::10").value();
  wanted.remote = IpAddress::parse("2001:db8:0:2::20").value();
  wanted.learning = false;
  arranged(socket().execute(create_vxlan(wanted)));
  const Link link = made();
  EXPECT_EQ(link.mtu, 1430U);
  ASSERT_TRUE(link.vxlan);
  EXPECT_EQ(link.vxlan->local, wanted.local);
  EXPECT_EQ(link.vxlan->remote, wanted.remote);
  EXPECT_THAT(link.vxlan->other, Contains(Pair("learning", 0U)));
}

TEST_F(VxlanTest, TheOnlyOtherEndIsAnEntryForAll) {
  arranged(socket().execute(create_vxlan(spec())));
  ASSERT_EQ(entries().size(), 1U);
  EXPECT_TRUE(entries().front().mac.is_zero());
  EXPECT_EQ(entries().front().destination, kRemote);
  EXPECT_FALSE(entries().front().is_learned());
}

TEST_F(VxlanTest, EntriesAreAddedAndTold) {
  VxlanSpec wanted = spec();
  wanted.remote.reset();
  arranged(socket().execute(create_vxlan(wanted)));
  EXPECT_THAT(entries(), IsEmpty());
  const MacAddress other({0x02, 0, 0xac, 0x10, 0xff, 2});
  arranged(socket().execute(add_vxlan_forwarding(index_of("vxlan0"), MacAddress(), kRemote)));
  arranged(socket().execute(add_vxlan_forwarding(index_of("vxlan0"), other, kRemote)));
  std::vector<MacAddress> macs;
  for (const ForwardingEntry& entry : entries()) {
    EXPECT_EQ(entry.destination, kRemote);
    EXPECT_FALSE(entry.is_learned());
    macs.push_back(entry.mac);
  }
  EXPECT_THAT(macs, testing::UnorderedElementsAre(MacAddress(), other));
}

TEST_F(VxlanTest, AnEntryForAnotherPortAndNetworkSaysSo) {
  arranged(socket().execute(create_vxlan(spec())));
  Request request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND);
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = static_cast<int>(index_of("vxlan0"));
  header.ndm_state = NUD_PERMANENT | NUD_NOARP;
  header.ndm_flags = NTF_SELF;
  request.put_header(header);
  request.put(NDA_LLADDR, MacAddress());
  request.put(NDA_DST, kRemote);
  request.put_u16(NDA_PORT, htons(4790));
  request.put_u32(NDA_VNI, 43);
  arranged(socket().execute(std::move(request)));
  std::vector<std::string> said;
  for (const ForwardingEntry& entry : entries()) said.push_back(entry.otherwise);
  EXPECT_THAT(said, testing::UnorderedElementsAre("", "port 4790 vni 43"));
}

TEST_F(VxlanTest, OtherLinksHaveNoSuchSettings) {
  EXPECT_FALSE(get_link(socket(), LinkRef::named("up0")).value().vxlan);
}

}  // namespace
}  // namespace netns_lab::netlink
