#include "suites/bridge/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "suites/bridge/requirements.h"
#include "suites/common/scenario_check.h"

namespace netns_lab::bridge {
namespace {

using suites::RefusedRow;
using ::testing::ElementsAre;

Parameters defaults() { return suites::defaults_of(scenario()); }

class RefusedBridgeParameter : public ::testing::TestWithParam<RefusedRow> {};

TEST_P(RefusedBridgeParameter, IsInvalidWithOneClearLine) { suites::check_refused(scenario(), GetParam()); }

const RefusedRow kRefused[] = {
    {"EmptyName", "CON1", "", Family::kIpv4, "cannot be empty"},
    {"NameWithSlash", "CON2", "a/b", Family::kIpv4, "cannot hold '/'"},
    {"OneNameForBoth", "CON2", "netns1", Family::kIpv4, "name of CON1"},
    {"EmptyAddress", "IP1", "", Family::kIpv4, "not an IP address"},
    {"WithPrefixLength", "BRIDGE_IP", "172.16.0.1/24", Family::kIpv4, "not an IP address"},
    {"OtherFamily", "IP2", "fd00::2", Family::kIpv4, "is an IPv6 address"},
    {"Multicast", "BRIDGE_IP", "224.0.0.1", Family::kIpv4, "multicast"},
    {"OutsideTheSubnet", "IP1", "172.16.1.2", Family::kIpv4, "not in the bridge's subnet 172.16.0.0/24"},
    {"TheSubnetItself", "IP2", "172.16.0.0", Family::kIpv4, "the subnet 172.16.0.0/24 itself"},
    {"TheBroadcastAddress", "IP1", "172.16.0.255", Family::kIpv4, "broadcast"},
    {"BridgeIsTheBroadcastAddress", "BRIDGE_IP", "172.16.0.255", Family::kIpv4, "broadcast"},
    {"TheBridges", "IP1", "172.16.0.1", Family::kIpv4, "the bridge's address"},
    {"OneAddressForBoth", "IP2", "172.16.0.2", Family::kIpv4, "the other container's"},
    {"NodeInTheBridgesSubnet", "NODE_IP", "172.16.0.9", Family::kIpv4, "cannot be in the bridge's subnet"},
    {"NodeIsNoAddress", "NODE_IP", "node-1", Family::kIpv4, "not an IP address"},
    {"OutsideTheSubnetIpv6", "IP1_6", "fd00:172:17::2", Family::kIpv6, "not in the bridge's subnet fd00:172:16::/64"},
    {"TheSubnetRouters", "IP2_6", "fd00:172:16::", Family::kIpv6, "the subnet fd00:172:16::/64 itself"},
    {"LinkLocalIpv6", "BRIDGE_IP6", "fe80::1", Family::kIpv6, "link-local"},
};
INSTANTIATE_TEST_SUITE_P(Rows, RefusedBridgeParameter, ::testing::ValuesIn(kRefused), suites::name_of);

TEST(BridgeScenario, LaysTheTutorialsNetworkOut) {
  const auto topology = scenario().topology(defaults(), Family::kIpv4);
  ASSERT_TRUE(topology) << topology.error();
  EXPECT_THAT(topology->namespaces, ElementsAre("netns1", "netns2"));
  EXPECT_THAT(topology->links, ElementsAre("br0", "veth10", "veth20"));
  ASSERT_EQ(topology->attachments.size(), 2U);
  EXPECT_EQ(topology->attachments[0].addresses[0].to_string(), "172.16.0.2/24");
  EXPECT_EQ(topology->attachments[1].addresses[0].to_string(), "172.16.0.3/24");
  EXPECT_EQ(topology->attachments[1].gateway->to_string(), "172.16.0.1");
  EXPECT_EQ(topology->node_address, std::nullopt);
}

TEST(BridgeScenario, HasTheSameShapeInIpv6) {
  const auto topology = scenario().topology(defaults(), Family::kIpv6);
  ASSERT_TRUE(topology) << topology.error();
  EXPECT_EQ(topology->attachments[1].addresses[0].to_string(), "fd00:172:16::3/64");
  EXPECT_EQ(topology->attachments[1].gateway->to_string(), "fd00:172:16::1");
}

TEST(BridgeScenario, TakesTheNodesAddressThatIsGiven) {
  Parameters parameters = defaults();
  parameters["NODE_IP"] = "10.0.0.10";
  const auto topology = scenario().topology(parameters, Family::kIpv4);
  ASSERT_TRUE(topology) << topology.error();
  EXPECT_EQ(topology->node_address, IpAddress::v4(10, 0, 0, 10));
}

TEST(BridgeScenario, MakesTheBridgeBeforeItsPorts) {
  const auto topology = scenario().topology(defaults(), Family::kIpv4);
  ASSERT_TRUE(topology) << topology.error();
  bool has_bridge = false;
  int ports = 0;
  for (const Change& change : topology->build) {
    if (std::holds_alternative<CreateLink>(change)) has_bridge = true;
    const auto* pair = std::get_if<CreateVeth>(&change);
    if (pair == nullptr) continue;
    EXPECT_TRUE(has_bridge);
    EXPECT_EQ(pair->master, "br0");
    ++ports;
  }
  EXPECT_EQ(ports, 2);
}

TEST(BridgeScenario, ConnectedRoutesAreAsTheKernelMakesThem) {
  const Route ipv4 = connected_route(Prefix::parse("172.16.0.2/24").value(), "veth11");
  EXPECT_EQ(ipv4.destination.to_string(), "172.16.0.0/24");
  EXPECT_EQ(ipv4.scope, Scope::kLink);
  EXPECT_EQ(ipv4.preferred_source->to_string(), "172.16.0.2");
  const Route ipv6 = connected_route(Prefix::parse("fd00::2/64").value(), "veth11");
  EXPECT_EQ(ipv6.metric, 256U);
  EXPECT_EQ(ipv6.preferred_source, std::nullopt);
}

TEST(BridgeRequirements, AreUniqueWholeAndRestOnEarlierOnes) { suites::check_catalogue("bridge", requirements()); }

}  // namespace
}  // namespace netns_lab::bridge
