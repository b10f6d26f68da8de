#include "harness/conformance/decisive_sysctls.h"

#include <gtest/gtest.h>

#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace netns_lab {
namespace {

struct Row {
  const char* name;
  Family family;
  std::map<std::string, std::string> sysctls;
  std::vector<std::string> found;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class SpoilingSysctls : public ::testing::TestWithParam<Row> {};

TEST_P(SpoilingSysctls, AreNamedWithWhatWasExpected) {
  NamespaceState state;
  state.sysctls = GetParam().sysctls;
  EXPECT_EQ(spoiling_sysctls(state, GetParam().family), GetParam().found);
}

INSTANTIATE_TEST_SUITE_P(
    Of, SpoilingSysctls,
    ::testing::Values(
        Row{"NothingRead", Family::kIpv4, {}, {}},
        Row{"TheUsual", Family::kIpv4, {{"net.ipv4.ip_default_ttl", "64"}, {"net.ipv4.conf.all.arp_ignore", "0"}}, {}},
        Row{"AnotherTtl",
            Family::kIpv4,
            {{"net.ipv4.ip_default_ttl", "128"}},
            {"net.ipv4.ip_default_ttl is 128, not 64 (the TTL is judged)"}},
        Row{"TheUsualLimit", Family::kIpv4, {{"net.ipv4.icmp_ratemask", "6168"}}, {}},
        Row{"AnswersToEchoesAreLimited",
            Family::kIpv4,
            {{"net.ipv4.icmp_ratemask", "6169"}},
            {"net.ipv4.icmp_ratemask is 6169, not 6168 (how many echoes it answers)"}},
        Row{"OfTheOtherFamily", Family::kIpv6, {{"net.ipv4.ip_default_ttl", "128"}}, {}},
        Row{"StablePrivateAddresses", Family::kIpv6, {{"net.ipv6.conf.default.addr_gen_mode", "2"}}, {}},
        Row{"Two",
            Family::kIpv6,
            {{"net.ipv6.conf.default.addr_gen_mode", "3"}, {"net.ipv6.conf.default.hop_limit", "255"}},
            {"net.ipv6.conf.default.hop_limit is 255, not 64 (the hop limit is judged)",
             "net.ipv6.conf.default.addr_gen_mode is 3, not 0 (link-local addresses must not be random)"}}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab
