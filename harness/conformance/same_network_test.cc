#include "harness/conformance/same_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "harness/conformance/test_world.h"

namespace netns_lab {
namespace {

using namespace test_world;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Row {
  const char* name;
  std::function<void(Snapshot&)> change;
  const char* says;  // "" when it is no difference
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Rebuilt : public ::testing::TestWithParam<Row> {};

TEST_P(Rebuilt, DiffersAsTold) {
  Snapshot second = after();
  GetParam().change(second);
  const auto differences = differences_of_builds(before(), after(), second, declaration_of(topology()));
  if (std::string(GetParam().says).empty()) {
    EXPECT_THAT(differences, IsEmpty());
  } else {
    EXPECT_THAT(differences, Contains(HasSubstr(GetParam().says)));
  }
}

const Row kRows[] = {
    {"NotAtAll", [](Snapshot&) {}, ""},
    {"InWhatTheKernelChooses",
     [](Snapshot& s) {
       Link& end = node_of(s).links[2];
       end.index = 9;
       end.mac = MacAddress::parse("02:00:00:00:00:77").value();
       for (InterfaceAddress& own : node_of(s).addresses) {
         if (own.link == "veth1") own.prefix.address = link_local_of(end.mac);
       }
       for (Route& route : node_of(s).routes) {
         if (route.type == RouteType::kLocal && route.hops[0].link == "veth1")
           route.destination.address = link_local_of(end.mac);
       }
       container_of(s).inode = 201;
       node_of(s).netnsids = {{0, 201}};
     },
     ""},
    {"Mtu", [](Snapshot& s) { container_of(s).links[1].mtu = 1400; },
     "link veth2 in netns1 changed: mtu 1500, now mtu 1400"},
    {"Address", [](Snapshot& s) { container_of(s).addresses.back().prefix = prefix("10.200.1.2/32"); },
     "10.200.1.2/32"},
    {"RouteOfTheNode", [](Snapshot& s) { node_of(s).routes.back().metric = 5; }, "10.200.1.1"},
    {"RuleInside", [](Snapshot& s) { container_of(s).rules.pop_back(); }, "rule"},
    {"SysctlsWhichAreNotRead", [](Snapshot& s) { node_of(s).sysctls.clear(); }, ""},
    {"NamespaceIsMissing", [](Snapshot& s) { s.namespaces.pop_back(); }, "netns1"},
    {"FileLeftByTheSecondOnly", [](Snapshot& s) { s.files.push_back("/tmp/left"); }, "/tmp/left"},
    {"UndeclaredAddressOnTheNode",
     [](Snapshot& s) { node_of(s).addresses.push_back(address(node_of(s).links[1], "10.9.9.9/32")); }, "10.9.9.9/32"},
};
INSTANTIATE_TEST_SUITE_P(Rows, Rebuilt, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

// It is told once already, by the claim about the first build.
TEST(SameNetwork, ALinkThatARuleAsksForByItsIndexIsComparedByItsName) {
  Topology with_table = topology();
  with_table.build.emplace_back(CreateNftTable{"", "ip", "nat", {}});
  const auto built = [](std::uint32_t index, const std::string& asked, const std::string& contents) {
    Snapshot made = after();
    node_of(made).links[2].index = index;
    PacketFilter table;
    table.name = "ip nat";
    table.holds = "1 chain, 1 rule";
    table.contents = contents;
    PacketStep step;
    step.does = "source";
    step.asks = {{true, {{{"oif", 0, "", asked, asked}}}}};
    table.chains = {{"postrouting", 100, {step}}};
    node_of(made).nft_tables = {table};
    return made;
  };
  const auto differences = [&](const Snapshot& second) {
    return differences_of_builds(before(), built(3, "00000003", "one"), second, declaration_of(with_table));
  };
  EXPECT_THAT(differences(built(9, "00000009", "two")), IsEmpty());
  EXPECT_THAT(differences(built(9, "00000002", "two")), Not(IsEmpty())) << "another link";
}

TEST(SameNetwork, WhatBothBuildsLeftIsNoDifference) {
  Snapshot first = after();
  first.files.push_back("/tmp/left");
  EXPECT_THAT(differences_of_builds(before(), first, first, declaration_of(topology())), IsEmpty());
}

}  // namespace
}  // namespace netns_lab
