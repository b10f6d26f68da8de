// nftables as snapshots tell of them: a table is another one when what it does is other, and only then.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <set>
#include <sstream>

#include "harness/node/network_fixture.h"
#include "harness/node/network_state.h"
#include "harness/node/sandbox_fake_agent.h"

namespace netns_lab::node {
namespace {

using test::machine;
using ::testing::ElementsAre;
using ::testing::EndsWith;
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
  std::vector<std::string> seen() { return texts(read_network_state(handles(), "", {}, {}).value().nft_tables); }
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

TEST_F(NftContentsFixture, ATableTellsWhatItDoesToPackets) {
  struct Doing {
    const char* rule;
    const char* statements;
  };
  constexpr Doing kDoings[] = {
      {"ip saddr 192.0.2.1 counter accept", ""},
      {"tcp dport 22 drop", "drop"},
      {"tcp dport vmap '{ 22 : drop, 23 : accept }'", "drop"},
      {"tcp dport vmap '{ 22 : accept }'", ""},
      {"limit rate 1/second log", ""},
      {"quota over 60 kbytes drop", "drop"},
      {"udp dport 9 reject", "reject"},
      {"ip dscp set 8", "payload"},
      {"tcp flags syn tcp option maxseg size set 500", "exthdr"},
      {"meta mark set 1", "mark"},
      {"meta priority set 1:1", "meta"},
      {"notrack", "notrack"},
      {"queue num 1", "queue"},
      {"masquerade", "masquerade"},
      {"snat to 192.0.2.9", "snat"},
  };
  std::vector<std::string> lacking;
  for (const auto& [rule, statements] : kDoings) {
    const std::string wanted = statements;
    const bool translates = wanted == "masquerade" || wanted == "snat";
    const std::string chain = translates           ? "type nat hook postrouting priority 100;"
                              : wanted == "reject" ? "type filter hook input priority 0;"
                                                   : "type filter hook prerouting priority -300;";
    machine("nft flush ruleset");
    const std::string said = machine(fmt::format(
        "nft add table ip t && nft add chain ip t c '{{ {} }}' && nft add rule ip t c {} 2>&1", chain, rule));
    // Only what a kernel may lack may be refused, and that is said.
    if (said.find("No such file or directory") != std::string::npos ||
        said.find("not supported") != std::string::npos) {
      lacking.push_back(rule);
      continue;
    }
    ASSERT_EQ(said, "") << rule;
    const std::vector<PacketFilter> tables = read_network_state(handles(), "", {}, {}).value().nft_tables;
    ASSERT_EQ(tables.size(), 1u) << rule;
    EXPECT_EQ(fmt::format("{}", fmt::join(tables.front().statements, " ")), wanted) << rule;
  }
  machine("nft flush ruleset");
  ASSERT_EQ(machine("nft add table ip t && nft add chain ip t c '{ type filter hook input priority 0; policy drop; }'"),
            "");
  EXPECT_THAT(seen(), ElementsAre(EndsWith(", statements: drop")));
  if (!lacking.empty()) GTEST_SKIP() << "this kernel lacks: " << fmt::format("{}", fmt::join(lacking, "; "));
}

TEST_F(NftContentsFixture, VerdictsInMapsThatPacketsOrTimeMayChangeAreToldAsWell) {
  ASSERT_EQ(machine("nft add table ip t && nft add chain ip t c '{ type filter hook input priority 0; }' && "
                    "nft add map ip t m '{ type inet_service : verdict; timeout 1h; }' && "
                    "nft add rule ip t c tcp dport vmap @m"),
            "");
  const auto statements = [this] { return read_network_state(handles(), "", {}, {}).value().nft_tables[0].statements; };
  const auto before = seen();
  EXPECT_THAT(statements(), IsEmpty());
  ASSERT_EQ(machine("nft add element ip t m '{ 22 : drop }'"), "");
  EXPECT_THAT(statements(), ElementsAre("drop"));
  ASSERT_EQ(machine("nft delete element ip t m '{ 22 }'; nft add element ip t m '{ 22 : accept }'"), "");
  EXPECT_EQ(seen(), before) << "what only time and packets change is no difference";
}

struct TranslationRow {
  const char* name;
  const char* rules;  // "CHAIN RULE", each a line
  std::vector<std::string> want;
};
void PrintTo(const TranslationRow& row, std::ostream* out) { *out << row.rules; }
class NftTranslations : public NftContentsFixture, public ::testing::WithParamInterface<TranslationRow> {};

TEST_P(NftTranslations, AreReadOffTheRules) {
  ASSERT_EQ(machine("nft add table ip t && nft add chain ip t c '{ type nat hook prerouting priority -100; }' && "
                    "nft add chain ip t other"),
            "");
  std::istringstream rules(GetParam().rules);
  for (std::string rule; std::getline(rules, rule);)
    ASSERT_EQ(machine("nft add rule ip t " + rule + " 2>&1"), "") << rule;
  std::vector<std::string> seen;
  const NamespaceState state = read_network_state(handles(), "", {}, {}).value();
  for (const auto& each : state.nft_tables.at(0).translations) seen.push_back(to_string(each));
  EXPECT_THAT(seen, ::testing::ElementsAreArray(GetParam().want));
}

INSTANTIATE_TEST_SUITE_P(
    Of, NftTranslations,
    ::testing::Values(
        TranslationRow{"OnePort", "c tcp dport 8080 dnat to 10.0.0.2:80", {"tcp port 8080 to 10.0.0.2:80"}},
        TranslationRow{
            "OnlyOfTheNode", "c fib daddr type local udp dport 53 dnat to 10.0.0.2", {"udp port 53 to 10.0.0.2"}},
        TranslationRow{"Range", "c tcp dport 8000-8010 dnat to 10.0.0.2", {"tcp ports 8000-8010 to 10.0.0.2"}},
        TranslationRow{"Set",
                       "c tcp dport '{ 80, 443 }' dnat to 10.0.0.2",
                       {"tcp port 80 to 10.0.0.2", "tcp port 443 to 10.0.0.2"}},
        TranslationRow{"SetOfRanges",
                       "c tcp dport '{ 80-90, 443 }' dnat to 10.0.0.2",
                       {"tcp ports 80-90 to 10.0.0.2", "tcp port 443 to 10.0.0.2"}},
        TranslationRow{"BothTransports",
                       "c meta l4proto '{ tcp, udp }' th dport 53 dnat to 10.0.0.2:53",
                       {"tcp port 53 to 10.0.0.2:53", "udp port 53 to 10.0.0.2:53"}},
        TranslationRow{"Map",
                       "c dnat to tcp dport map '{ 80 : 10.0.0.2, 81 : 10.0.0.3 }'",
                       {"tcp port 80 to 10.0.0.2", "tcp port 81 to 10.0.0.3"}},
        TranslationRow{
            "MapWithPorts", "c dnat ip to tcp dport map '{ 80 : 10.0.0.2 . 8080 }'", {"tcp port 80 to 10.0.0.2:8080"}},
        TranslationRow{"ConcatenatedKey",
                       "c dnat to ip daddr . tcp dport map '{ 192.0.2.2 . 80 : 10.0.0.2 }'",
                       {"tcp port 80 to 10.0.0.2"}},
        TranslationRow{"Jump",
                       "c tcp dport 8080 jump other\nother meta l4proto tcp dnat to 10.0.0.2:80",
                       {"tcp port 8080 to 10.0.0.2:80"}},
        TranslationRow{
            "VerdictMap",
            "other meta l4proto tcp dnat to 10.0.0.2:80\nc tcp dport vmap '{ 8080 : jump other, 9 : accept }'",
            {"tcp port 8080 to 10.0.0.2:80"}},
        TranslationRow{"NeverReached", "other tcp dport 22 dnat to 10.0.0.2", {}},
        TranslationRow{"Nobodys", "c tcp dport 22 tcp dport 23 dnat to 10.0.0.2", {}},
        TranslationRow{"AllPorts", "c dnat to 10.0.0.2", {"all ports to 10.0.0.2"}},
        TranslationRow{"AllButOne", "c tcp dport != 22 dnat to 10.0.0.2", {"tcp all ports to 10.0.0.2"}},
        TranslationRow{"Redirected", "c tcp dport 80 redirect to :8080", {"tcp port 80 to the node itself, port 8080"}},
        TranslationRow{
            "OneOfSeveral", "c tcp dport 80 dnat to 10.0.0.2-10.0.0.3", {"tcp port 80 to 10.0.0.2-10.0.0.3"}},
        TranslationRow{"ByMark", "c dnat to meta mark map '{ 1 : 10.0.0.2 }'", {"all ports to 10.0.0.2"}}),
    [](const auto& row) { return std::string(row.param.name); });

struct ConditionRow {
  const char* name;
  const char* rules;  // of the table t with the base chain c and the chain other, a line each
  std::set<std::string> conditions{};
  std::set<std::string> parted{};
};
void PrintTo(const ConditionRow& row, std::ostream* out) { *out << row.rules; }

class NftConditions : public NftContentsFixture, public ::testing::WithParamInterface<ConditionRow> {};

TEST_P(NftConditions, AreReadOffTheRules) {
  for (const char* family : {"ip", "inet"}) {
    SCOPED_TRACE(family);
    const std::string table = fmt::format("{} t", family);
    ASSERT_EQ(machine(fmt::format("nft 'add table {0}; add chain {0} other; add chain {0} c {{ type nat hook "
                                  "postrouting priority 100; }}'",
                                  table)),
              "");
    std::istringstream rules(GetParam().rules);
    for (std::string rule; std::getline(rules, rule);)
      ASSERT_EQ(machine(fmt::format("nft 'add rule {} {}' 2>&1", table, rule)), "") << rule;
    const NamespaceState state = read_network_state(handles(), "", {}, {}).value();
    EXPECT_EQ(state.nft_tables.at(0).conditions, GetParam().conditions);
    EXPECT_EQ(state.nft_tables.at(0).parted, GetParam().parted);
    ASSERT_EQ(machine("nft delete table " + table), "");
  }
}

const char* const kAsked = "all of it asks for a protocol or port";
const char* const kPassed = "a rule before it lets some protocols or ports pass";

INSTANTIATE_TEST_SUITE_P(
    Of, NftConditions,
    ::testing::Values(
        ConditionRow{"Addresses", "c ip saddr 172.16.0.0/24 oifname != br0 masquerade"},
        ConditionRow{"OwnNetworkPasses", "c ip daddr 172.16.0.0/24 accept\nc ip saddr 172.16.0.0/24 masquerade"},
        ConditionRow{"Connections", "c ct state new ct status dnat meta mark 5 counter masquerade"},
        ConditionRow{"ChainOfItsOwn", "other ip daddr 172.16.0.0/24 return\nother masquerade\nc jump other"},
        ConditionRow{"PortOfItsOwnThenAll", "c meta l4proto tcp masquerade to :1024-65535\nc masquerade"},
        ConditionRow{"NothingTranslated", "c udp dport 53 limit rate 5/second accept"},
        ConditionRow{"PassesBehind", "c masquerade\nc udp dport 53 accept\nc masquerade"},
        ConditionRow{"Limit", "c limit rate 5/second masquerade", {"limit"}},
        ConditionRow{"LimitOfAJump", "other masquerade\nc limit rate 5/second jump other", {"limit"}},
        ConditionRow{"Quota", "c quota until 5 mbytes masquerade", {"quota"}},
        ConditionRow{"OneOfAThousand", "c numgen inc mod 1000 != 999 masquerade", {"numgen"}},
        ConditionRow{"Length", "c meta length < 9000 masquerade", {"packet length"}},
        ConditionRow{"LengthInItsHeader", "c ip length < 9000 masquerade", {"packet length"}},
        ConditionRow{"Ttl", "c ip ttl 63 masquerade", {"TTL"}},
        ConditionRow{"Class", "c ip dscp cs0 masquerade", {"traffic class"}},
        ConditionRow{"Time", "c meta time >= 1577836800 masquerade", {"time"}},
        ConditionRow{"User", "c meta skuid 0 masquerade", {"user"}},
        ConditionRow{"SourcePort", "c tcp sport >= 1024 masquerade", {"source port, or type of ICMP"}, {kAsked}},
        ConditionRow{"SegmentSize", "c tcp option maxseg size > 500 masquerade", {"options"}},
        ConditionRow{"Protocols", "c meta l4proto { tcp, udp, icmp } masquerade", {}, {kAsked}},
        ConditionRow{"AllButAPort", "c udp dport != 53 masquerade\nc meta l4proto tcp masquerade", {}, {kAsked}},
        ConditionRow{"APortPasses", "c udp dport 53 return\nc masquerade", {}, {kPassed}},
        ConditionRow{"APortPassesByAMap", "c udp dport vmap { 53 : accept }\nc masquerade", {}, {kPassed}},
        ConditionRow{"APortPassesElsewhere", "other accept\nc udp dport 53 jump other\nc masquerade", {}, {kPassed}},
        ConditionRow{"ReturnsElsewhere", "other udp dport 53 return\nc jump other\nc masquerade"},
        ConditionRow{"OneSourceForAPort",
                     "c ip protocol tcp tcp dport 25 snat ip to 192.0.2.77\nc masquerade",
                     {},
                     {"snat for some protocols or ports"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(NftContentsFixture, OnWhatTranslationsOfIptablesDependIsToldAsWell) {
  if (machine("iptables --version 2>&1 | grep -c nf_tables") != "1") GTEST_SKIP() << "iptables is not installed";
  const std::string said = machine("iptables -t nat -A POSTROUTING -s 172.16.0.0/24 ! -o br0 -j MASQUERADE 2>&1");
  if (!said.empty()) GTEST_SKIP() << said;
  const auto table = [this] { return read_network_state(handles(), "", {}, {}).value().nft_tables.at(0); };
  EXPECT_THAT(table().conditions, IsEmpty());
  EXPECT_THAT(table().parted, IsEmpty());
  ASSERT_EQ(machine("iptables -t nat -I POSTROUTING -p udp --dport 53 -j RETURN 2>&1"), "");
  EXPECT_THAT(table().conditions, IsEmpty());
  EXPECT_THAT(table().parted, ElementsAre(kPassed));
  if (machine("iptables -t nat -A POSTROUTING -m limit --limit 5/s -j MASQUERADE 2>&1").empty()) {
    EXPECT_THAT(table().conditions, ElementsAre("limit"));
  }
}

TEST_F(NftContentsFixture, WhatIptablesAsksForIsToldAsWell) {
  if (machine("iptables --version 2>&1 | grep -c nf_tables") != "1") GTEST_SKIP() << "iptables is not installed";
  const std::string said = machine(
      "iptables -t nat -A POSTROUTING -s 10.0.0.0/24 -j MASQUERADE 2>&1 && "
      "iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.2:80 2>&1");
  if (!said.empty()) GTEST_SKIP() << said;
  EXPECT_THAT(seen(), ElementsAre(EndsWith(", statements: dnat masquerade, of tcp port 80 to 10.0.0.2:80")));
  ASSERT_EQ(
      machine("iptables -t nat -F; iptables -t nat -N mine; iptables -t nat -A mine -p udp -j DNAT --to 10.0.0.3; "
              "iptables -t nat -A PREROUTING -p udp -m multiport --dports 53,60:62 -j mine; "
              "iptables -t nat -A PREROUTING -p tcp --dport 81 -j REDIRECT --to-ports 90"),
      "");
  EXPECT_THAT(seen(),
              ElementsAre(EndsWith(", statements: dnat redirect, of tcp port 81 to the node itself, port 90 and "
                                   "of udp port 53 to 10.0.0.3 and of udp ports 60-62 to 10.0.0.3")));
}

class XfrmPolicies : public NetworkFixture {
 protected:
  void SetUp() override {
    if (machine("ip xfrm policy list >/dev/null 2>&1; echo $?") != "0")
      GTEST_SKIP() << "ip is not installed (package iproute2), or this kernel lacks CONFIG_XFRM_USER";
  }
  void TearDown() override { machine("ip xfrm policy flush"); }
  std::vector<std::string> seen() {
    std::vector<std::string> policies;
    const NamespaceState state = read_network_state(handles(), "", {}, {}).value();
    for (const FurtherObject& object : state.further) {
      if (object.kind == "xfrm policy") policies.push_back(object.name + ", " + object.details);
    }
    return policies;
  }
};

TEST_F(XfrmPolicies, AreToldLikePacketFilters) {
  EXPECT_THAT(seen(), IsEmpty());
  ASSERT_EQ(machine("ip xfrm policy add src 0.0.0.0/0 dst 198.51.100.0/24 dir out action block"), "");
  ASSERT_EQ(machine("ip xfrm policy add src fd00::/8 dst fd00:1::/64 proto tcp dport 22 dir in "
                    "tmpl proto esp mode transport"),
            "");
  EXPECT_THAT(seen(), ElementsAre(StartsWith("in allow fd00::/8 to fd00:1::/64 protocol 6 port 22 "
                                             "transformed by 1, contents "),
                                  StartsWith("out block 0.0.0.0/0 to 198.51.100.0/24, contents ")));
}

TEST_F(XfrmPolicies, AreTheSameWhenMadeAnewAndOthersWhenTheyDiffer) {
  constexpr auto kMade = "ip xfrm policy add src 10.0.0.0/8 dst 198.51.100.0/24 dir fwd action block priority 5";
  ASSERT_EQ(machine(kMade), "");
  const auto before = seen();
  ASSERT_EQ(machine("ip xfrm policy flush"), "");
  ASSERT_EQ(machine(kMade), "");
  EXPECT_EQ(seen(), before);
  ASSERT_EQ(machine("ip xfrm policy update src 10.0.0.0/8 dst 198.51.100.0/24 dir fwd action block priority 6"), "");
  EXPECT_NE(seen(), before);
}

TEST_F(XfrmPolicies, WhatIsBlockedByDefaultIsTold) {
  const std::string said = machine("ip xfrm policy setdefault fwd block 2>&1");
  if (!said.empty()) GTEST_SKIP() << "this kernel, or ip, has no default policies: " << said;
  EXPECT_THAT(seen(), ElementsAre("by default, fwd block"));
  ASSERT_EQ(machine("ip xfrm policy setdefault in block fwd accept out block 2>&1"), "");
  EXPECT_THAT(seen(), ElementsAre("by default, in block, out block"));
  ASSERT_EQ(machine("ip xfrm policy setdefault in accept out accept 2>&1"), "");
  EXPECT_THAT(seen(), IsEmpty());
}

// An index asked for, as an exchange of keys begins (allocspi): that needs no cipher of the kernel.
TEST_F(XfrmPolicies, StatesAreToldWithoutTheirIndex) {
  const auto states = [this] {
    std::vector<std::string> texts;
    const NamespaceState state = read_network_state(handles(), "", {}, {}).value();
    for (const FurtherObject& object : state.further) {
      if (object.kind == "xfrm state") texts.push_back(object.name + ", " + object.details);
    }
    return texts;
  };
  EXPECT_THAT(states(), IsEmpty());
  constexpr auto kMade =
      "ip xfrm state allocspi src 10.0.0.1 dst 10.0.0.2 proto esp mode transport reqid 7 min 256 max 65535 >/dev/null";
  ASSERT_EQ(machine(kMade), "");
  const auto before = states();
  EXPECT_THAT(before, ElementsAre("10.0.0.1 to 10.0.0.2, protocol 50 mode 0 reqid 7 flags 0"));
  ASSERT_EQ(machine("ip xfrm state flush"), "");
  ASSERT_EQ(machine(kMade), "");
  EXPECT_EQ(states(), before);
  ASSERT_EQ(machine(kMade), "");
  EXPECT_EQ(states().size(), 2U) << "a second one alike is one more";
  ASSERT_EQ(machine("ip xfrm state flush"), "");
  EXPECT_THAT(states(), IsEmpty());
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
