#include "harness/node/nft_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "harness/netlink/nft_table.h"
#include "harness/node/agent_state.h"
#include "harness/node/journal.h"
#include "harness/node/network_fixture.h"
#include "harness/node/network_state.h"
#include "harness/node/sandbox_fake_agent.h"
#include "harness/node/session_objects.h"

namespace netns_lab::node {
namespace {

using test::machine;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr auto kJournal = "/run/nft.journal";

CreateNftTable masquerade(const std::string& family = "ip") {
  NftRule rule;
  rule.matches = {{family == "ip6" ? "ip6 saddr" : "ip saddr", family == "ip6" ? "fd00::/64" : "172.16.0.0/24"},
                  {"oifname", "br0", true}};
  rule.action = {"masquerade"};
  return {"", family, "nat", {{"postrouting", "nat", "postrouting", 100, false, {rule}}}};
}

CreateNftTable forward_port() {
  NftRule rule;
  rule.matches = {{"fib daddr type", "local"}, {"tcp dport", "8080"}, {"ct state", "new"}};
  rule.action = {"dnat", IpAddress::v4(172, 16, 0, 2), std::uint16_t{80}};
  return {"", "inet", "ports", {{"prerouting", "nat", "prerouting", -100, false, {rule}}}};
}

TEST(NftJson, SaysWhatAMatchIs) {
  const auto json = nft_json(masquerade());
  ASSERT_TRUE(json) << json.error();
  const auto commands = nlohmann::json::parse(*json)["nftables"];
  ASSERT_EQ(commands.size(), 3U);
  EXPECT_EQ(commands[0]["create"]["table"]["name"], "nat") << "one that is there already is somebody else's";
  const auto rule = commands[2]["add"]["rule"]["expr"];
  EXPECT_EQ(rule[0]["match"]["right"]["prefix"]["len"], 24);
  EXPECT_EQ(rule[1]["match"]["op"], "!=");
  EXPECT_TRUE(rule[2].contains("masquerade"));
}

TEST(NftJson, NamesWhatItHasNoWordsFor) {
  CreateNftTable table = masquerade();
  table.chains[0].rules[0].matches = {{"the third byte of it", "7"}};
  const auto json = nft_json(table);
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(json.error().message(), HasSubstr("the third byte of it"));
}

class NftCommand : public NetworkFixture {
 protected:
  void SetUp() override {
    if (machine("nft list tables >/dev/null 2>&1; echo $?") != "0")
      GTEST_SKIP() << "nft is not installed (package nftables), or this kernel lacks nf_tables";
  }
  void TearDown() override {
    machine("nft flush ruleset");
    ::unlink(kJournal);
  }
  std::vector<std::string> seen(const std::string& network_namespace = "") {
    return texts(read_network_state(handles(), network_namespace, {}, {}).value().nft_tables);
  }
};

TEST_F(NftCommand, WhatIsMadeIsWhatTheDeclarationPrints) {
  ASSERT_TRUE(apply_changes(handles(), {masquerade(), masquerade("ip6"), forward_port()}));
  EXPECT_THAT(machine("nft list table ip nat"),
              HasSubstr("\t\ttype nat hook postrouting priority srcnat; policy accept;\n\t\t" +
                        to_string(masquerade().chains[0].rules[0]) + "\n"));
  EXPECT_THAT(machine("nft list table ip6 nat"), HasSubstr(to_string(masquerade("ip6").chains[0].rules[0])));
  EXPECT_THAT(machine("nft list table inet ports"),
              HasSubstr("fib daddr type local tcp dport 8080 ct state new dnat ip to 172.16.0.2:80"));
}

TEST_F(NftCommand, ATableInANamespaceIsThereAndNowhereElse) {
  CreateNftTable inside = masquerade();
  inside.network_namespace = "netns1";
  ASSERT_TRUE(apply_changes(handles(), {CreateNamespace{"netns1"}, inside}));
  EXPECT_THAT(seen(), IsEmpty());
  EXPECT_THAT(seen("netns1"), ElementsAre(StartsWith("ip nat with 1 chain, 1 rule, contents ")));
  ASSERT_TRUE(apply_changes(handles(), {DeleteNftTable{"netns1", "ip", "nat"}}));
  EXPECT_THAT(seen("netns1"), IsEmpty());
}

TEST_F(NftCommand, ATableThatIsThereIsNotTouched) {
  ASSERT_EQ(machine("nft add table ip nat"), "");
  const auto made = apply_changes(handles(), {masquerade()});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), HasSubstr("File exists"));
  EXPECT_THAT(made.error().message(), HasSubstr("create nft table ip nat"));
  EXPECT_THAT(seen(), ElementsAre("ip nat"));
}

TEST_F(NftCommand, DeletingATableThatIsNotThereSaysSo) {
  const auto gone = apply_changes(handles(), {DeleteNftTable{"", "ip", "nat"}});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().system_errno, ENOENT);
}

TEST_F(NftCommand, ChainsWithoutRulesHaveNoEffectUnlessTheyDrop) {
  ASSERT_EQ(machine("nft add table ip nat && nft add chain ip nat POSTROUTING "
                    "'{ type nat hook postrouting priority 100; policy accept; }'"),
            "");
  EXPECT_THAT(seen(), ElementsAre(StartsWith("ip nat with 1 chain without effect, contents ")));
  ASSERT_EQ(machine("nft chain ip nat POSTROUTING '{ policy drop; }'"), "");
  EXPECT_THAT(seen(), ElementsAre(StartsWith("ip nat with 1 chain, contents ")));
}

// ---- what leaves when ----

class SessionsTables : public NftCommand {
 protected:
  void SetUp() override {
    NftCommand::SetUp();
    if (IsSkipped()) return;
    ASSERT_TRUE(Journal::create(kJournal));
    journal_.emplace(kJournal);
    objects_.emplace("/run/netns", *journal_, relays_);
  }
  std::optional<AgentJournal> journal_;
  TunRelays relays_;
  std::optional<SessionObjects> objects_;
};

TEST_F(SessionsTables, WhatASessionMadeGoesWithIt) {
  ASSERT_TRUE(objects_->apply(handles(), {masquerade()}));
  EXPECT_THAT(objects_->remove(handles(), {}), IsEmpty());
  EXPECT_THAT(seen(), IsEmpty());
  ASSERT_EQ(machine("nft add table ip nat"), "");
  EXPECT_THAT(undo_journal(kJournal).value().left, IsEmpty());
  EXPECT_THAT(seen(), ElementsAre("ip nat")) << "somebody else's by now";
}

TEST_F(SessionsTables, WhatWasClaimedGoesWhoeverMadeIt) {
  ASSERT_TRUE(journal_->before_nft_table("ip nat"));
  ASSERT_EQ(machine("nft add table ip nat"), "");
  protocol::ClaimRequest claimed;
  claimed.nft_tables = {"ip nat"};
  EXPECT_THAT(objects_->remove(handles(), claimed), IsEmpty());
  EXPECT_THAT(seen(), IsEmpty());
}

TEST_F(SessionsTables, TheJournalRemovesWhatTheDeadHaveLeft) {
  ASSERT_TRUE(objects_->apply(handles(), {masquerade(), forward_port()}));
  EXPECT_EQ(seen().size(), 2U);
  EXPECT_THAT(undo_journal(kJournal).value().left, IsEmpty());
  EXPECT_THAT(seen(), IsEmpty());
}

TEST_F(SessionsTables, WhatTheSessionTookAwayAgainIsNobodys) {
  ASSERT_TRUE(objects_->apply(handles(), {masquerade()}));
  ASSERT_TRUE(objects_->apply(handles(), {DeleteNftTable{"", "ip", "nat"}}));
  ASSERT_EQ(machine("nft add table ip nat"), "");
  EXPECT_THAT(objects_->remove(handles(), {}), IsEmpty());
  EXPECT_THAT(undo_journal(kJournal).value().left, IsEmpty());
  EXPECT_THAT(seen(), ElementsAre("ip nat"));
}

TEST_F(SessionsTables, ATableThatWasThereIsTaken) {
  ASSERT_EQ(machine("nft add table ip nat"), "");
  const auto noted = journal_->before_nft_table("ip nat");
  ASSERT_FALSE(noted);
  EXPECT_EQ(noted.error().kind, ErrorKind::kTaken);
  EXPECT_THAT(undo_journal(kJournal).value().left, IsEmpty());
  EXPECT_THAT(seen(), ElementsAre("ip nat"));
}

}  // namespace
}  // namespace netns_lab::node
