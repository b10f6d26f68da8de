#include "suites/egress/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace netns_lab::egress {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Parameters parameters(const std::map<std::string, std::string>& given = {}) {
  Parameters all;
  for (const Parameter& parameter : scenario().parameters) all[parameter.name] = parameter.default_value;
  for (const auto& [name, value] : given) all[name] = value;
  return all;
}

Topology topology(Family family, const std::map<std::string, std::string>& given = {}) {
  return scenario().topology(parameters(given), family).value();
}

std::vector<std::string> lines(const std::vector<Change>& changes) {
  std::vector<std::string> all;
  for (const Change& change : changes) all.push_back(to_string(change));
  return all;
}

TEST(EgressScenario, MasqueradesTheContainersSubnetBeyondTheBridge) {
  EXPECT_THAT(lines(topology(Family::kIpv4).build),
              Contains("create nft table ip nat { chain POSTROUTING { type nat hook postrouting priority 100; policy "
                       "accept; ip saddr 172.16.0.0/24 oifname != \"br0\" masquerade; } }"));
  EXPECT_THAT(lines(topology(Family::kIpv6).build), Contains(HasSubstr("ip6 saddr fd00:172:16::/64")));
  EXPECT_THAT(nft_tables_of(topology(Family::kIpv6)), ElementsAre("ip6 nat"));
}

TEST(EgressScenario, ForwardsAndPutsThatBack) {
  EXPECT_THAT(lines(topology(Family::kIpv4).build), Contains("set sysctl net.ipv4.ip_forward to 1"));
  EXPECT_THAT(lines(topology(Family::kIpv4).tear_down), Contains("set sysctl net.ipv4.ip_forward to 0"));
  EXPECT_THAT(lines(topology(Family::kIpv4).tear_down), Contains("delete nft table ip nat"));
}

TEST(EgressScenario, PinsWhatBridgedPacketsPassWhereItIsAsked) {
  EXPECT_THAT(lines(topology(Family::kIpv4).build), Not(Contains(HasSubstr("net.bridge"))));
  EXPECT_THAT(lines(topology(Family::kIpv4, {{"BRIDGE_NF", "0"}}).build),
              Contains("set sysctl net.bridge.bridge-nf-call-iptables to 0"));
  EXPECT_THAT(lines(topology(Family::kIpv4, {{"BRIDGE_NF", "1"}}).tear_down),
              Contains("set sysctl net.bridge.bridge-nf-call-iptables to 0"));
  EXPECT_THAT(lines(topology(Family::kIpv6, {{"BRIDGE_NF", "1"}}).build),
              Contains("set sysctl net.bridge.bridge-nf-call-ip6tables to 1"));
}

TEST(EgressScenario, TheTableIsCalledAsTheParameterSays) {
  EXPECT_THAT(nft_tables_of(topology(Family::kIpv4, {{"NFT_TABLE", "inet egress"}})), ElementsAre("inet egress"));
  EXPECT_THAT(nft_tables_of(topology(Family::kIpv6, {{"NFT_TABLE", "ip masq"}})), ElementsAre("ip6 masq"));
  EXPECT_THAT(nft_tables_of(topology(Family::kIpv4, {{"NFT_TABLE", "masq"}})), ElementsAre("ip masq"));
}

struct Refused {
  const char* name;
  std::map<std::string, std::string> given;
  const char* words;
};
void PrintTo(const Refused& row, std::ostream* out) { *out << row.name; }

class EgressRefusal : public ::testing::TestWithParam<Refused> {};

TEST_P(EgressRefusal, IsOneLineThatNamesTheParameter) {
  const auto refused = scenario().topology(parameters(GetParam().given), Family::kIpv4);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(refused.error().message(), HasSubstr(GetParam().words));
  EXPECT_EQ(refused.error().message().find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Parameters, EgressRefusal,
                         ::testing::Values(Refused{"OtherFamily", {{"NFT_TABLE", "bridge nat"}}, "NFT_TABLE"},
                                           Refused{"NoName", {{"NFT_TABLE", ""}}, "NFT_TABLE"},
                                           Refused{"NotAName", {{"NFT_TABLE", "1nat"}}, "NFT_TABLE"},
                                           Refused{"TwoLines", {{"NFT_TABLE", "nat\nx"}}, "NFT_TABLE"},
                                           Refused{"ThreeWords", {{"NFT_TABLE", "ip nat x"}}, "NFT_TABLE"},
                                           Refused{"NeitherZeroNorOne", {{"BRIDGE_NF", "yes"}}, "BRIDGE_NF"}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace netns_lab::egress
