// The rules of nft and iptables as a packet meets them: what of a rule is read, and where its jumps lead.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "harness/node/network_fixture.h"
#include "harness/node/network_state.h"
#include "harness/node/sandbox_fake_agent.h"

namespace netns_lab::node {
namespace {

using test::machine;

// "network+16 c633644d", with a mask "mark&00002000 …", a range "… 50-5a", several "{…|…}", negated "not …", unknown
// "?".
std::string text(const PacketField& field) {
  if (field.of.empty()) return "?";
  std::string line = field.of;
  if (field.offset != 0) line += fmt::format("+{}", field.offset);
  if (!field.mask.empty()) line += "&" + field.mask;
  return line + " " + (field.first == field.last ? field.first : field.first + "-" + field.last);
}
std::string text(const PacketMatch& match) {
  std::vector<std::string> any;
  for (const auto& fields : match.any) {
    std::vector<std::string> all;
    for (const PacketField& field : fields) all.push_back(text(field));
    any.push_back(fmt::format("{}", fmt::join(all, " . ")));
  }
  const std::string line = fmt::format("{}", fmt::join(any, "|"));
  return fmt::format("{}{}", match.negated ? "not " : "", any.size() == 1 ? line : "{" + line + "}");
}
std::vector<std::string> texts(const PacketFilter& table) {
  std::vector<std::string> lines;
  for (const PacketChain& chain : table.chains) {
    for (const PacketStep& step : chain.steps) {
      std::vector<std::string> asks;
      for (const PacketMatch& match : step.asks) asks.push_back(text(match));
      std::string line = fmt::format("{}{}{}", fmt::join(asks, ", "), asks.empty() ? "" : ": ", step.does);
      if (step.skip != 0) line += fmt::format(" {}", step.skip);
      if (step.does == "mark") line += fmt::format(" {} {}", step.mask, step.value);
      lines.push_back(line);
    }
  }
  return lines;
}

class NftStepsFixture : public NetworkFixture {
 protected:
  void SetUp() override {
    if (machine("nft list tables >/dev/null 2>&1; echo $?") != "0")
      GTEST_SKIP() << "nft is not installed (package nftables), or this kernel lacks nf_tables";
  }
  void TearDown() override { machine("nft flush ruleset"); }
  PacketFilter table() { return read_network_state(handles(), "", {}, {}).value().nft_tables.at(0); }
};

struct StepsRow {
  const char* name;
  const char* rules;  // of the chains c (postrouting) and other, a line each
  std::vector<std::string> want;
};
void PrintTo(const StepsRow& row, std::ostream* out) { *out << row.rules; }
class NftSteps : public NftStepsFixture, public ::testing::WithParamInterface<StepsRow> {};

TEST_P(NftSteps, AreReadOffTheRules) {
  ASSERT_EQ(machine("nft 'add table ip t; add chain ip t other; add chain ip t c { type nat hook postrouting priority "
                    "100; }; add rule ip t c counter' 2>&1"),
            "");
  std::istringstream rules(GetParam().rules);
  for (std::string rule; std::getline(rules, rule);)
    ASSERT_EQ(machine(fmt::format("nft 'add rule ip t {}' 2>&1", rule)), "") << rule;
  EXPECT_THAT(texts(table()), ::testing::ElementsAreArray(GetParam().want));
}

INSTANTIATE_TEST_SUITE_P(
    Of, NftSteps,
    ::testing::Values(
        StepsRow{"NothingTranslated", "c ip daddr 198.51.100.77 accept", {}},
        StepsRow{"Address", "c ip daddr 198.51.100.77 accept\nc masquerade", {"network+16 c633644d: pass", "source"}},
        StepsRow{"Prefixes",
                 "c ip saddr 172.16.0.0/24 ip daddr != 10.0.0.0/20 masquerade",
                 {"network+12 ac1000, not network+16&fffff000 0a000000: source"}},
        StepsRow{"Set",
                 "c ip daddr { 198.51.100.7, 198.51.100.9 } return\nc masquerade",
                 {"{network+16 c6336407|network+16 c6336409}: skip 1", "source"}},
        StepsRow{"SetOfRanges",
                 "c ip daddr { 198.51.100.7-198.51.100.8, 203.0.113.0/24 } return\nc masquerade",
                 {"{network+16 c6336407-c6336408|network+16 cb007100-cb0071ff}: skip 1", "source"}},
        StepsRow{"TwoKeys",
                 "c ip saddr . ip daddr { 10.0.0.2 . 192.0.2.1 } masquerade",
                 {"network+12 0a000002 . network+16 c0000201: source"}},
        StepsRow{"Links",
                 "c oifname != \"br0\" iifname \"br*\" masquerade",
                 {"not oifname 62723000000000000000000000000000, iifname 6272: source"}},
        StepsRow{"Marks",
                 "c meta mark set meta mark | 0x2000\nc meta mark & 0x2000 == 0x2000 masquerade\nc meta mark set 7",
                 {"mark ffffdfff 00002000", "mark&00002000 00002000: source", "mark 00000000 00000007"}},
        StepsRow{"Connections",
                 "c ct state new ct status dnat masquerade",
                 {"not ct state&00000008 00000000, not ct status&00000020 00000000: source"}},
        StepsRow{"AddressTypes", "c fib daddr type local snat to 192.0.2.9", {"daddr type 00000002: source"}},
        StepsRow{"Ports",
                 "c tcp dport 80-90 masquerade\nc udp sport != 53 masquerade",
                 {"protocol 06, transport+2 0050-ffff, transport+2 0000-005a: source",
                  "protocol 11, not transport 0035: source"}},
        StepsRow{"Jump",
                 "other ip daddr 10.0.0.0/8 return\nother masquerade\nc ip saddr 172.16.0.0/24 jump other\nc accept",
                 {"network+12 ac1000: unless 2", "network+16 0a: skip 1", "source", "pass"}},
        StepsRow{"Goto",
                 "other ip daddr 10.0.0.0/8 return\nc ip saddr 172.16.0.0/24 goto other\nc masquerade",
                 {"network+12 ac1000: unless 2", "network+16 0a: skip", "skip 1", "source"}},
        StepsRow{"VerdictMap",
                 "other masquerade\nc ip daddr vmap { 10.0.0.2 : accept, 10.0.0.3 : jump other }",
                 {"network+16 0a000002: pass", "network+16 0a000003: unless 1", "source"}},
        StepsRow{"NotKnown", "c limit rate 5/second masquerade", {"?: source"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(NftStepsFixture, ElementsThatTimeTakesAwayAreNotKnown) {
  ASSERT_EQ(machine("nft 'add table ip t; add set ip t s { type ipv4_addr; timeout 1h; elements = { 10.0.0.2 }; }; add "
                    "chain ip t c { type nat hook postrouting priority 100; }; add rule ip t c ip daddr @s masquerade' "
                    "2>&1"),
            "");
  EXPECT_THAT(texts(table()), ::testing::ElementsAre("?: source"));
}

TEST_F(NftStepsFixture, BothIptablesSayTheSame) {
  bool is_any = false;
  for (const char* program : {"iptables-nft", "iptables-legacy"}) {
    SCOPED_TRACE(program);
    const std::string said =
        machine(fmt::format("i='{} -t nat -A POSTROUTING'; $i -d 198.51.100.77 -j RETURN 2>&1 && "
                            "$i -s 172.16.0.0/24 ! -o br0 -j MASQUERADE 2>&1",
                            program));
    if (!said.empty()) continue;  // not installed, or not in this kernel
    is_any = true;
    PacketFilter filter = table();
    std::erase_if(filter.chains, [](const PacketChain& chain) { return chain.hook != "postrouting"; });
    const std::vector<std::string> seen = texts(filter);
    ASSERT_GE(seen.size(), 2U);
    EXPECT_EQ(seen[0].substr(0, 26), "network+16 c633644d: skip ");
    EXPECT_THAT(seen[1],
                ::testing::AllOf(::testing::HasSubstr("network+12"), ::testing::HasSubstr("ac1000"),
                                 ::testing::HasSubstr("not oifname 62723000"), ::testing::EndsWith(": source")));
    machine(fmt::format("{} -t nat -F; nft flush ruleset", program));
  }
  if (!is_any) GTEST_SKIP() << "iptables is not installed";
}

}  // namespace
}  // namespace netns_lab::node
