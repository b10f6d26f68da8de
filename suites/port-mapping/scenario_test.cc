#include "suites/port-mapping/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "suites/common/scenario_check.h"
#include "suites/port-mapping/requirements.h"

namespace netns_lab::port_mapping {
namespace {

using suites::RefusedRow;
using testing::HasSubstr;
using testing::Not;

class RefusedPortMappingParameter : public ::testing::TestWithParam<RefusedRow> {};
TEST_P(RefusedPortMappingParameter, IsInvalidWithOneClearLine) { suites::check_refused(scenario(), GetParam()); }

const RefusedRow kRefused[] = {
    {"PortZero", "HOST_PORT", "0", Family::kIpv4, "give a number from 1 to 65535"},
    {"PortTooLarge", "HOST_PORT", "65536", Family::kIpv4, "is no port"},
    {"PortInWords", "CONTAINER_PORT", "http", Family::kIpv4, "is no port"},
    {"PortWithMore", "CONTAINER_PORT", "80/tcp", Family::kIpv4, "is no port"},
    {"NoPort", "HOST_PORT", "", Family::kIpv6, "is no port"},
    {"UnknownSource", "SOURCE", "kept", Family::kIpv4, "give preserved or masqueraded"},
    {"UnknownBridgeNf", "BRIDGE_NF", "on", Family::kIpv4, "give 1 or 0"},
    {"OneNameTwice", "CON2", "netns1", Family::kIpv4, "CON1 as well"},
    {"ContainerElsewhere", "IP1", "172.16.1.2", Family::kIpv4, "not in the bridge's subnet"},
    {"ContainerIsTheBridge", "IP2", "172.16.0.1", Family::kIpv4, "the bridge's address"},
    {"OneAddressTwice", "IP2", "172.16.0.2", Family::kIpv4, "the other container's address"},
    {"NodeAmongContainers", "NODE_IP", "172.16.0.9", Family::kIpv4, "cannot be in the bridge's subnet"},
    {"OtherFamily", "IP1_6", "172.16.0.2", Family::kIpv6, "IP1_6"},
};
INSTANTIATE_TEST_SUITE_P(Rows, RefusedPortMappingParameter, ::testing::ValuesIn(kRefused), suites::name_of);

Topology topology(const Parameters& changed, Family family = Family::kIpv4) {
  Parameters parameters = suites::defaults_of(scenario());
  for (const auto& [name, value] : changed) parameters[name] = value;
  return scenario().topology(parameters, family).value();
}

std::string rules_of(const Topology& topology) {
  std::ostringstream out;
  for (const Change& change : topology.build) {
    const auto* table = std::get_if<CreateNftTable>(&change);
    if (table == nullptr) continue;
    out << table->family << ' ' << table->name << '\n';
    for (const NftChain& chain : table->chains) out << to_string(chain) << '\n';
  }
  return out.str();
}

bool asks_for_hairpin(const Topology& topology) {
  return std::any_of(topology.build.begin(), topology.build.end(), [](const Change& change) {
    const auto* set = std::get_if<SetLink>(&change);
    return set != nullptr && set->hairpin == true;
  });
}

TEST(PortMappingScenario, CatalogueIsWhole) { suites::check_catalogue("port-mapping", requirements()); }

TEST(PortMappingScenario, ThePortOfTheNodesOwnAddressesIsTheContainers) {
  const std::string rules = rules_of(topology({{"HOST_PORT", "8443"}, {"CONTAINER_PORT", "443"}}));
  EXPECT_THAT(rules, HasSubstr("fib daddr type local tcp dport 8443 dnat to 172.16.0.2:443"));
  EXPECT_THAT(rules, HasSubstr("fib daddr type local ip daddr != 127.0.0.0/8 udp dport 8443 dnat to 172.16.0.2:443"));
}

TEST(PortMappingScenario, InIpv6AsWell) {
  const std::string rules = rules_of(topology({}, Family::kIpv6));
  EXPECT_THAT(rules, HasSubstr("ip6 nat\n"));
  EXPECT_THAT(rules, HasSubstr("fib daddr type local tcp dport 8080 dnat to [fd00:172:16::2]:80"));
  EXPECT_THAT(rules, HasSubstr("ip6 saddr fd00:172:16::/64 ip6 daddr fd00:172:16::2 ct status dnat masquerade"));
}

TEST(PortMappingScenario, TheSourceIsRewrittenWhereItMustBeOrWhereItIsDeclared) {
  const auto from_subnet = HasSubstr("ip saddr 172.16.0.0/24 ip daddr 172.16.0.2 ct status dnat masquerade");
  EXPECT_THAT(rules_of(topology({})), from_subnet);
  EXPECT_THAT(rules_of(topology({{"SOURCE", "masqueraded"}})), Not(from_subnet));
}

TEST(PortMappingScenario, APortThatMeetsTheRulesSendsBack) {
  EXPECT_FALSE(asks_for_hairpin(topology({})));
  EXPECT_FALSE(asks_for_hairpin(topology({{"BRIDGE_NF", "0"}})));
  EXPECT_TRUE(asks_for_hairpin(topology({{"BRIDGE_NF", "1"}})));
}

}  // namespace
}  // namespace netns_lab::port_mapping
