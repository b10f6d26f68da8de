// nftables as snapshots tell of them: a table is another one when what it does is other, and only then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

#include "harness/node/network_fixture.h"
#include "harness/node/network_state.h"
#include "harness/node/sandbox_fake_agent.h"

namespace netns_lab::node {
namespace {

using test::machine;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr auto kFirewall =
    "nft add table inet firewall && "
    "nft add chain inet firewall in '{ type filter hook input priority 0; policy accept; }' && "
    "nft add set inet firewall allowed '{ type ipv4_addr; }' && "
    "nft add element inet firewall allowed '{ 192.0.2.1, 192.0.2.7 }' && "
    "nft add counter inet firewall seen && "
    "nft add rule inet firewall in ip saddr @allowed counter accept && "
    "nft add rule inet firewall in tcp dport 22 accept";

class NftContentsFixture : public NetworkFixture {
 protected:
  void SetUp() override {
    if (machine("nft list tables >/dev/null 2>&1; echo $?") != "0")
      GTEST_SKIP() << "nft is not installed (package nftables), or this kernel lacks nf_tables";
  }
  void TearDown() override { machine("nft flush ruleset"); }
  std::vector<std::string> seen() { return read_network_state(handles(), "", {}, {}).value().nft_tables; }
};

TEST_F(NftContentsFixture, TablesAreToldWithWhatTheyHold) {
  EXPECT_THAT(seen(), IsEmpty());
  ASSERT_EQ(machine("nft add table ip empty"), "");
  ASSERT_EQ(machine(kFirewall), "");
  EXPECT_THAT(seen(),
              ElementsAre(StartsWith("inet firewall with 1 chain, 2 rules, 1 set, 1 object, contents "), "ip empty"));
  ASSERT_EQ(machine("nft add table ip empty '{ flags dormant; }'"), "");
  EXPECT_EQ(seen().back(), "ip empty, dormant");
}

struct Row {
  const char* name;
  const char* commands;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.commands; }

class NftChange : public NftContentsFixture, public ::testing::WithParamInterface<Row> {};

TEST_P(NftChange, IsSeen) {
  ASSERT_EQ(machine(kFirewall), "");
  const auto before = seen();
  ASSERT_EQ(machine(GetParam().commands), "");
  EXPECT_NE(seen(), before);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, NftChange,
    ::testing::Values(Row{"RuleAdded", "nft add rule inet firewall in udp dport 53 drop"},
                      Row{"RuleInFront", "nft insert rule inet firewall in tcp dport 22 accept"},
                      Row{"RulesInAnotherOrder",
                          "nft flush chain inet firewall in && nft add rule inet firewall in tcp dport 22 accept && "
                          "nft add rule inet firewall in ip saddr @allowed counter accept"},
                      Row{"RuleGone", "nft flush chain inet firewall in"},
                      Row{"Policy", "nft add chain inet firewall in '{ policy drop; }'"},
                      Row{"Chain", "nft add chain inet firewall more"},
                      Row{"Element", "nft add element inet firewall allowed '{ 192.0.2.9 }'"},
                      Row{"Set", "nft add set inet firewall more '{ type ipv4_addr; }'"},
                      Row{"Object", "nft add quota inet firewall much '{ over 10 mbytes; }'"},
                      Row{"Dormant", "nft add table inet firewall '{ flags dormant; }'"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(NftContentsFixture, CountersAndHandlesAreNoDifference) {
  ASSERT_EQ(machine(kFirewall), "");
  ASSERT_EQ(machine("nft insert rule inet firewall in counter"), "");
  const auto before = seen();
  ASSERT_EQ(machine("ip link set lo up && ping -qc 1 127.0.0.1 >/dev/null"), "");
  EXPECT_EQ(seen(), before) << "a counter counted";
  ASSERT_EQ(machine("nft add rule inet firewall in udp dport 53 drop; nft -a list chain inet firewall in | "
                    "sed -n 's/.*dport 53 .*handle //p' | xargs nft delete rule inet firewall in handle"),
            "");
  EXPECT_EQ(seen(), before) << "a rule came and went";
  ASSERT_EQ(machine("nft delete element inet firewall allowed '{ 192.0.2.1 }'; "
                    "nft add element inet firewall allowed '{ 192.0.2.1 }'"),
            "");
  EXPECT_EQ(seen(), before) << "an element was made anew";
}

TEST_F(NftContentsFixture, ATableMadeAnewIsTheSame) {
  ASSERT_EQ(machine(kFirewall), "");
  const auto before = seen();
  ASSERT_EQ(machine("nft flush ruleset"), "");
  ASSERT_EQ(machine(kFirewall), "");
  EXPECT_EQ(seen(), before);
}

}  // namespace
}  // namespace netns_lab::node
