#include "suites/common/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "suites/common/parameters.h"

namespace netns_lab::suites {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Prefix prefix(const char* text) { return Prefix::parse(text).value(); }
IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

std::vector<std::string> told(const std::vector<Change>& changes) {
  std::vector<std::string> lines;
  for (const Change& change : changes) lines.push_back(to_string(change));
  return lines;
}

TEST(LayoutTest, BuildsInAnOrderThatTheKernelTakes) {
  Layout net;
  net.pair({.link = "veth10", .bridge = "br0"}, {"red", "eth0", prefix("10.1.0.2/24"), address("10.1.0.1")});
  net.address("", "br0", prefix("10.1.0.1/24"));
  net.forwarding("red", Family::kIpv4);
  const auto topology = net.topology();
  ASSERT_TRUE(topology) << topology.error().message();
  EXPECT_THAT(topology->namespaces, ElementsAre("red"));
  EXPECT_THAT(topology->links, ElementsAre("br0", "veth10"));
  EXPECT_THAT(
      told(topology->build),
      ElementsAre(HasSubstr("namespace red"), HasSubstr("net.ipv4.ip_forward"), HasSubstr("br0"), HasSubstr("veth10"),
                  HasSubstr("10.1.0.1/24 to br0"), HasSubstr("lo"), HasSubstr("br0"), HasSubstr("10.1.0.2/24 to eth0"),
                  HasSubstr("eth0"), HasSubstr("veth10"), HasSubstr("via 10.1.0.1 dev eth0")));
  EXPECT_THAT(told(topology->tear_down), ElementsAre(HasSubstr("namespace red"), HasSubstr("br0")));
}

TEST(LayoutTest, HasAnAttachmentForEachEndWithAnAddress) {
  Layout net;
  net.pair({"red", "eth0", prefix("10.1.0.2/24"), address("10.1.0.1")}, {"router", "eth0", prefix("10.1.0.1/24")});
  net.pair({.link = "veth1"}, {"router", "eth1", prefix("10.2.0.1/24")});
  const auto topology = net.topology();
  ASSERT_TRUE(topology) << topology.error().message();
  ASSERT_EQ(topology->attachments.size(), 3U);
  const Attachment red = {"red", "", "eth0", {prefix("10.1.0.2/24")}, address("10.1.0.1")};
  const Attachment router = {"router", "veth1", "eth1", {prefix("10.2.0.1/24")}, std::nullopt};
  EXPECT_EQ(topology->attachments[0], red);
  EXPECT_EQ(topology->attachments[2], router);
}

TEST(LayoutTest, RefusesTwoLinksInOneSubnet) {
  Layout net;
  net.pair({.link = "a"}, {"router", "eth0", prefix("10.1.0.1/24")});
  net.pair({.link = "b"}, {"router", "eth1", prefix("10.1.0.129/25")});
  const auto topology = net.topology();
  ASSERT_FALSE(topology);
  EXPECT_EQ(topology.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(topology.error().message(), HasSubstr("10.1.0.128/25 of eth1: it overlaps with 10.1.0.0/24 of eth0"));
}

TEST(LayoutTest, RefusesAGatewayOfAnotherSubnet) {
  for (const char* gateway : {"10.2.0.1", "10.1.0.2"}) {
    Layout net;
    net.pair({.link = "a"}, {"red", "eth0", prefix("10.1.0.2/24"), address(gateway)});
    const auto topology = net.topology();
    ASSERT_FALSE(topology) << gateway;
    EXPECT_THAT(topology.error().message(), HasSubstr(std::string("gateway ") + gateway + " of red"));
  }
}

TEST(LayoutTest, MakesTablesOfTheNodesLastAndTakesThemAwayAgain) {
  Layout net;
  net.nft_table("ip", "nat", {NftChain{"out", "nat", "postrouting", 100, false, {{{}, {"masquerade"}}}}});
  net.pair({.link = "a"}, {"red", "eth0", prefix("10.1.0.2/24"), address("10.1.0.1")});
  const Topology topology = net.topology().value();
  EXPECT_EQ(
      to_string(topology.build.back()),
      "create nft table ip nat { chain out { type nat hook postrouting priority 100; policy accept; masquerade; } "
      "}");
  EXPECT_EQ(to_string(topology.tear_down.front()), "delete nft table ip nat");
  EXPECT_EQ(nft_tables_of(topology), std::vector<std::string>{"ip nat"});
}

TEST(SubnetOfFamilyTest, TakesTheParameterOfTheFamily) {
  const Parameters parameters = {{"LEFT", "10.1.0.0/24"}, {"LEFT6", "fd00:1::/64"}};
  EXPECT_EQ(subnet_of_family(parameters, "LEFT", Family::kIpv4).value(), prefix("10.1.0.0/24"));
  EXPECT_EQ(subnet_of_family(parameters, "LEFT", Family::kIpv6).value(), prefix("fd00:1::/64"));
  EXPECT_EQ(host_in(prefix("10.1.0.0/24"), 2), prefix("10.1.0.2/24"));
  EXPECT_EQ(host_in(prefix("fd00:1::/64"), 2), prefix("fd00:1::2/64"));
}

TEST(SubnetOfFamilyTest, RefusesWhatNoContainerCanHave) {
  for (const char* text : {"10.1.0.0/16", "10.1.0.1/24", "224.0.0.0/24", "127.0.0.0/24", "fd00:1::/64", "x", ""}) {
    const auto subnet = subnet_of_family({{"LEFT", text}}, "LEFT", Family::kIpv4);
    ASSERT_FALSE(subnet) << text;
    EXPECT_EQ(subnet.error().kind, ErrorKind::kInvalid) << text;
    EXPECT_THAT(subnet.error().message(), HasSubstr("LEFT")) << text;
  }
}

}  // namespace
}  // namespace netns_lab::suites
