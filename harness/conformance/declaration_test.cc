// What a declared table does beyond what it is declared to do.
#include "harness/conformance/declaration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

NftRule rule(std::vector<NftMatch> matches, NftAction action) { return {std::move(matches), std::move(action)}; }

// The table "ip nat" that masquerades, and with `mapped` leads a port elsewhere.
Declaration with_table(bool mapped) {
  NftChain chain{"c", "nat", "postrouting", 100, false, {rule({{"oifname", "br0", true}}, {"masquerade"})}};
  if (mapped) chain.rules.push_back(rule({{"tcp dport", "8080"}}, {"dnat", IpAddress::v4(10, 0, 0, 2), 80}));
  Topology topology;
  topology.build.emplace_back(CreateNftTable{"", "ip", "nat", {chain}});
  return declaration_of(topology);
}

PacketFilter table() {
  PacketFilter filter;
  filter.name = "ip nat";
  filter.statements = {"masquerade"};
  return filter;
}

TEST(UndeclaredStatements, OnWhatATranslationDependsIsOne) {
  PacketFilter seen = table();
  EXPECT_THAT(with_table(false).undeclared_statements("", seen), IsEmpty());
  seen.conditions = {"TTL", "limit"};
  for (const bool mapped : {false, true}) {
    EXPECT_THAT(with_table(mapped).undeclared_statements("", seen),
                ElementsAre("a translation by TTL", "a translation by limit"));
  }
}

TEST(UndeclaredStatements, PartsByPortAreOneWhereNoPortIsDeclared) {
  PacketFilter seen = table();
  seen.parted = {"all of it asks for a protocol or port"};
  EXPECT_THAT(with_table(false).undeclared_statements("", seen),
              ElementsAre("a translation of some packets only: all of it asks for a protocol or port"));
  EXPECT_THAT(with_table(true).undeclared_statements("", seen), IsEmpty());
}

TEST(UndeclaredStatements, OfTheOldInterfaceNameTheirRule) {
  PacketFilter seen = table();
  seen.name = "iptables (legacy) nat";
  seen.statements.insert("drop");
  seen.where = {{"drop", "rule 2 of OUTPUT"}, {"masquerade", "rule 1 of POSTROUTING"}};
  EXPECT_THAT(with_table(false).undeclared_statements("", seen), ElementsAre("drop (rule 2 of OUTPUT)"));
}

}  // namespace
}  // namespace netns_lab
