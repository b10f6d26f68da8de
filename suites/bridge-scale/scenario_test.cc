#include "suites/bridge-scale/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "suites/bridge-scale/requirements.h"
#include "suites/common/scenario_check.h"

namespace netns_lab::bridge_scale {
namespace {

using suites::RefusedRow;

Parameters with_containers(const std::string& number) {
  Parameters parameters = suites::defaults_of(scenario());
  parameters["CONTAINERS"] = number;
  return parameters;
}

class RefusedScaleParameter : public ::testing::TestWithParam<RefusedRow> {};

TEST_P(RefusedScaleParameter, IsInvalidWithOneClearLine) { suites::check_refused(scenario(), GetParam()); }

const RefusedRow kRefused[] = {
    {"Two", "CONTAINERS", "2", Family::kIpv4, "no number from 3 to 1023"},
    {"MoreThanPorts", "CONTAINERS", "1024", Family::kIpv4, "a bridge has 1023 ports at most"},
    {"FarTooMany", "CONTAINERS", "99999999999", Family::kIpv4, "no number from 3 to 1023"},
    {"Words", "CONTAINERS", "many", Family::kIpv4, "no number from 3 to 1023"},
    {"Negative", "CONTAINERS", "-8", Family::kIpv6, "no number from 3 to 1023"},
    {"WithBlank", "CONTAINERS", "8 ", Family::kIpv4, "no number from 3 to 1023"},
    {"EmptyAddress", "BRIDGE_IP", "", Family::kIpv4, "not an IP address"},
    {"TheSubnetItself", "BRIDGE_IP", "172.16.0.0", Family::kIpv4, "the subnet 172.16.0.0/21 itself"},
    {"TooNearTheSubnetsEnd", "BRIDGE_IP", "172.16.7.247", Family::kIpv4, "do not fit into its subnet"},
    {"AtTheEndOfAllAddresses", "BRIDGE_IP6", "fd00::ffff:ffff:ffff:fffa", Family::kIpv6, "do not fit into its subnet"},
    {"OtherFamily", "BRIDGE_IP6", "172.16.0.1", Family::kIpv6, "is an IPv4 address"},
};
INSTANTIATE_TEST_SUITE_P(Rows, RefusedScaleParameter, ::testing::ValuesIn(kRefused), suites::name_of);

TEST(BridgeScaleScenario, CarriesTheTutorialsNamesOn) {
  const auto topology = scenario().topology(with_containers("12"), Family::kIpv4);
  ASSERT_TRUE(topology) << topology.error();
  ASSERT_EQ(topology->attachments.size(), 12U);
  const Attachment& last = topology->attachments.back();
  EXPECT_EQ(last.network_namespace, "netns12");
  EXPECT_EQ(last.host_link, "veth120");
  EXPECT_EQ(last.container_link, "veth121");
  EXPECT_EQ(last.addresses.front().to_string(), "172.16.0.13/21");
  EXPECT_EQ(last.gateway->to_string(), "172.16.0.1");
  EXPECT_EQ(topology->links.front(), "br0");
  EXPECT_EQ(topology->links.size(), 13U);
}

TEST(BridgeScaleScenario, GivesAsManyAsABridgeHasPortsAnAddressAndNamesOfTheirOwn) {
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const auto topology = scenario().topology(with_containers("1023"), family);
    ASSERT_TRUE(topology) << topology.error();
    std::set<std::string> names;
    std::set<IpAddress> addresses;
    const Prefix subnet = topology->attachments.front().addresses.front().network();
    for (const Attachment& each : topology->attachments) {
      EXPECT_TRUE(names.insert(each.host_link).second) << each.host_link;
      EXPECT_LE(each.host_link.size(), 15U);
      EXPECT_TRUE(addresses.insert(each.addresses.front().address).second) << each.addresses.front();
      EXPECT_TRUE(subnet.contains(each.addresses.front().address)) << each.addresses.front();
    }
    EXPECT_EQ(addresses.size(), 1023U);
    EXPECT_FALSE(addresses.contains(*topology->attachments.front().gateway));
  }
}

TEST(BridgeScaleScenario, TakesTheLastAddressesThatFit) {
  Parameters parameters = with_containers("8");
  parameters["BRIDGE_IP"] = "172.16.7.246";  // and the eight up to .254; .255 is the broadcast address
  EXPECT_TRUE(scenario().topology(parameters, Family::kIpv4));
}

TEST(BridgeScaleScenario, HasAWholeCatalogue) { suites::check_catalogue("bridge-scale", requirements()); }

}  // namespace
}  // namespace netns_lab::bridge_scale
