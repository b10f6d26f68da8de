#include "harness/node/legacy_tables.h"

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
using ::testing::UnorderedElementsAre;

struct Row {
  const char* name;
  const char* commands;
  std::vector<std::string> starts;  // of the lines, in order
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.commands; }

class LegacyTableFixture : public NetworkFixture {
 protected:
  void SetUp() override {
    if (machine("iptables-legacy -t filter -S >/dev/null 2>&1; echo $?") != "0")
      GTEST_SKIP() << "iptables-legacy is not installed (package iptables), or this kernel lacks ip_tables";
  }
  void TearDown() override {
    machine(
        "for tool in iptables-legacy ip6tables-legacy; do $tool -F; $tool -P INPUT ACCEPT; $tool -P FORWARD ACCEPT; "
        "done; "
        "iptables-legacy -t nat -F; iptables-legacy -t nat -X");
  }
  std::vector<std::string> seen() { return texts(read_network_state(handles(), "", {}, {}).value().nft_tables); }
};

class LegacyTables : public LegacyTableFixture, public ::testing::WithParamInterface<Row> {};

TEST_P(LegacyTables, AreSeenWhenTheySayAnything) {
  ASSERT_EQ(machine(GetParam().commands), "");
  std::vector<::testing::Matcher<std::string>> expected;
  for (const std::string& start : GetParam().starts) expected.emplace_back(StartsWith(start));
  EXPECT_THAT(seen(), ::testing::ElementsAreArray(expected));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, LegacyTables,
    ::testing::Values(
        Row{"Listed", "iptables-legacy -S >/dev/null; iptables-legacy -t nat -S >/dev/null", {}},
        Row{"Rule", "iptables-legacy -A INPUT -p tcp -j DROP", {"iptables (legacy) filter with 1 rules or chains"}},
        Row{"Policy", "iptables-legacy -P FORWARD DROP", {"iptables (legacy) filter with another policy"}},
        Row{"Nat",
            "iptables-legacy -t nat -N mine; iptables-legacy -t nat -A mine -j ACCEPT",
            {"iptables (legacy) nat with"}},
        Row{"Ipv6",
            "ip6tables-legacy -A OUTPUT -j DROP; ip6tables-legacy -P INPUT DROP; iptables-legacy -P INPUT DROP",
            {"iptables (legacy) filter with another policy", "ip6tables (legacy) filter with 1 rules"}},
        Row{"PutBack", "iptables-legacy -P INPUT DROP; iptables-legacy -P INPUT ACCEPT", {}}),
    [](const auto& row) { return row.param.name; });

TEST_F(LegacyTableFixture, CountersAreNoDifferenceAndAnotherRuleIsOne) {
  machine("ip link set lo up; iptables-legacy -A OUTPUT -o lo -j ACCEPT");
  const auto before = seen();
  machine("ping -c 1 127.0.0.1 >/dev/null");
  EXPECT_EQ(seen(), before);
  machine("iptables-legacy -R OUTPUT 1 -o lo -j DROP");
  EXPECT_NE(seen(), before);
}

TEST_F(LegacyTableFixture, WhatTheRulesDoIsTold) {
  ASSERT_EQ(machine("i='iptables-legacy -t nat'; $i -N mine; $i -A PREROUTING -p tcp -j mine; "
                    "$i -A mine -p tcp --dport 8080 -j DNAT --to-destination 10.0.0.2:80; "
                    "$i -A mine -p tcp -m multiport --dports 90,95:97 -j REDIRECT --to-ports 99; "
                    "$i -A OUTPUT -p icmp -j DNAT --to-destination 10.0.0.3; "
                    "$i -A POSTROUTING -o lo -j MASQUERADE; iptables-legacy -A INPUT -p tcp -j REJECT; "
                    "iptables-legacy -P FORWARD DROP; ip6tables-legacy -A OUTPUT -p udp -j DROP"),
            "");
  const auto tables = read_network_state(handles(), "", {}, {}).value().nft_tables;
  std::vector<std::string> done;
  std::vector<std::string> translated;
  for (const PacketFilter& table : tables) {
    for (const std::string& statement : table.statements) done.push_back(table.name + ": " + statement);
    for (const PortTranslation& each : table.translations) translated.push_back(to_string(each));
  }
  EXPECT_THAT(done, UnorderedElementsAre("ip6tables (legacy) filter: drop", "iptables (legacy) filter: drop",
                                         "iptables (legacy) filter: reject", "iptables (legacy) nat: dnat",
                                         "iptables (legacy) nat: masquerade", "iptables (legacy) nat: redirect"));
  std::vector<std::string> places;
  for (const PacketFilter& table : tables) {
    for (const auto& [statement, place] : table.where) places.push_back(statement + " by " + place);
  }
  EXPECT_THAT(places, UnorderedElementsAre("drop by rule 1 of OUTPUT", "drop by the policy of FORWARD",
                                           "reject by rule 1 of INPUT", "dnat by rule 1 of OUTPUT",
                                           "redirect by rule 2 of mine", "masquerade by rule 1 of POSTROUTING"));
  EXPECT_THAT(translated, ElementsAre("protocol 1 all ports to 10.0.0.3", "tcp port 90 to the node itself, port 99",
                                      "tcp ports 95-97 to the node itself, port 99", "tcp port 8080 to 10.0.0.2:80"));
}

TEST_F(LegacyTableFixture, OnWhatTranslationsDependIsTold) {
  const auto nat = [this] {
    const auto tables = read_network_state(handles(), "", {}, {}).value().nft_tables;
    return tables.empty() ? PacketFilter() : tables.front();
  };
  ASSERT_EQ(machine("iptables-legacy -t nat -A POSTROUTING -s 172.16.0.0/24 ! -o br0 -j MASQUERADE"), "");
  EXPECT_THAT(nat().conditions, IsEmpty());
  EXPECT_THAT(nat().parted, IsEmpty());
  ASSERT_EQ(machine("iptables-legacy -t nat -I POSTROUTING -p udp --dport 53 -j RETURN"), "");
  EXPECT_THAT(nat().parted, ElementsAre("a rule before it lets some protocols or ports pass"));
  if (machine("iptables-legacy -t nat -A POSTROUTING -m limit --limit 5/s -j MASQUERADE 2>&1").empty()) {
    EXPECT_THAT(nat().conditions, ElementsAre("limit"));
  }
}

TEST(LegacyEntries, ThatMakeNoSenseAreUnknownAndNotRight) {
  for (const std::size_t size : {1U, 84U, 111U, 112U, 200U}) {
    const auto table = decode_legacy_table({false, 1, {}, {}, std::string(size, '\1')});
    ASSERT_TRUE(table.has_value()) << size;
    EXPECT_THAT(table->statements, ElementsAre("unknown")) << size;
    EXPECT_EQ(packet_filter(*table).contents, "unknown") << size;
  }
}

}  // namespace
}  // namespace netns_lab::node
