#include "suites/multi-node/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "suites/common/forwarding.h"
#include "suites/common/scenario_check.h"
#include "suites/multi-node/requirements.h"

namespace netns_lab::multi_node {
namespace {

using suites::RefusedRow;

Parameters defaults() { return suites::defaults_of(scenario()); }

class RefusedMultiNodeParameter : public ::testing::TestWithParam<RefusedRow> {};

TEST_P(RefusedMultiNodeParameter, IsInvalidWithOneClearLine) { suites::check_refused(scenario(), GetParam()); }

const RefusedRow kRefused[] = {
    {"NoNodeAddress", "NODE_IP", "", Family::kIpv4, "is not an IP address"},
    {"NoOtherNode", "TO_NODE_IP", "", Family::kIpv4, "is not an IP address"},
    {"OneNodeTwice", "TO_NODE_IP", "10.0.0.10", Family::kIpv4, "NODE_IP as well"},
    {"OtherNodeIsAContainer", "TO_NODE_IP", "172.16.0.9", Family::kIpv4, "BRIDGE_SUBNET"},
    {"SubnetWithoutLength", "BRIDGE_SUBNET", "172.16.0.0", Family::kIpv4, "is not a subnet"},
    {"SubnetOfAnotherLength", "BRIDGE_SUBNET", "172.16.0.0/16", Family::kIpv4, "has 16 bits, not 24"},
    {"SubnetWithAHost", "TO_BRIDGE_SUBNET", "172.16.1.1/24", Family::kIpv4, "names a host"},
    {"SubnetOfTheOtherFamily", "BRIDGE_SUBNET", "fd00::/64", Family::kIpv4, "not of IPv4"},
    {"OneSubnetForBoth", "TO_BRIDGE_SUBNET", "172.16.0.0/24", Family::kIpv4, "as well"},
    {"BridgeOutsideOfIt", "BRIDGE_IP", "172.16.9.1", Family::kIpv4, "BRIDGE_SUBNET"},
    {"ContainerOutsideOfIt", "IP1", "172.16.9.1", Family::kIpv4, "not in the bridge's subnet"},
    {"SubnetOfTheOtherFamilyIpv6", "BRIDGE_SUBNET6", "172.16.0.0/24", Family::kIpv6, "not of IPv6"},
};
INSTANTIATE_TEST_SUITE_P(Rows, RefusedMultiNodeParameter, ::testing::ValuesIn(kRefused), suites::name_of);

TEST(MultiNodeScenario, TheOtherNodesParametersAreCheckedUnderTheirOwnNames) {
  Parameters parameters = defaults();
  parameters["TO_IP2"] = "172.16.9.9";
  const auto topologies = scenario().topologies(parameters, Family::kIpv4);
  ASSERT_FALSE(topologies);
  EXPECT_THAT(topologies.error().message(), ::testing::HasSubstr("TO_IP2"));
}

const Route* route_of(const Topology& topology) {
  for (const Change& change : topology.build) {
    const auto* added = std::get_if<AddRoute>(&change);
    if (added != nullptr && added->network_namespace.empty()) return &added->route;
  }
  return nullptr;
}

TEST(MultiNodeScenario, LaysOutEachNodeWithTheOtherAsItsNextHop) {
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const auto topologies = scenario().topologies(defaults(), family);
    ASSERT_TRUE(topologies) << topologies.error();
    ASSERT_EQ(topologies->size(), 2U);
    EXPECT_EQ(scenario().nodes(), 2U);
    for (const std::size_t node : {0U, 1U}) {
      const Topology& own = topologies->at(node);
      const Topology& other = topologies->at(1 - node);
      const Route* route = route_of(own);
      ASSERT_NE(route, nullptr);
      EXPECT_EQ(route->destination, other.attachments.front().addresses.front().network());
      EXPECT_EQ(route->hops.front().gateway, other.node_address);
      EXPECT_EQ(route->hops.front().link, "eth0");
      const auto is_forwarding = [&](const Change& change) {
        return change == Change(SetSysctl{"", suites::forwarding_sysctl(family), "1"});
      };
      EXPECT_TRUE(std::any_of(own.build.begin(), own.build.end(), is_forwarding));
    }
  }
}

TEST(MultiNodeRequirements, AreUniqueWholeAndRestOnEarlierOnes) {
  suites::check_catalogue("multi-node", requirements());
}

}  // namespace
}  // namespace netns_lab::multi_node
