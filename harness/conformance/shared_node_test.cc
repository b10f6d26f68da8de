#include "harness/conformance/shared_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "harness/conformance/closed_world.h"
#include "harness/conformance/test_world.h"

namespace netns_lab {
namespace {

using namespace test_world;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> all_undeclared(const Snapshot& now) {
  std::vector<std::string> all;
  const Declaration declared = declaration_of(topology());
  for (const Area area : all_areas()) {
    for (std::string& finding : undeclared(area, before(), now, declared)) all.push_back(std::move(finding));
  }
  return all;
}
Snapshot tied(const Snapshot& now) { return tied_to_target(before(), now, declaration_of(topology())); }

TEST(SharedNode, ARightNetworkIsWhatItWas) {
  EXPECT_THAT(all_undeclared(tied(after())), IsEmpty());
  EXPECT_THAT(left_behind(before(), tied(before())), IsEmpty());
}

// The kernel sets what links to come have along with what is declared, and back.
TEST(SharedNode, WhatFollowsFromADeclaredSettingIsTheTargetsAndItsUndoingToo) {
  constexpr auto kForLinksToCome = "net.ipv4.conf.default.forwarding";
  Declaration declared = declaration_of(topology());
  declared.sysctls.push_back({"", "net.ipv4.ip_forward", "1"});
  Snapshot was = before();
  was.namespaces.front().sysctls[kForLinksToCome] = "0";
  Snapshot now = after();
  now.namespaces.front().sysctls["net.ipv4.ip_forward"] = "1";
  now.namespaces.front().sysctls[kForLinksToCome] = "1";
  EXPECT_THAT(undeclared(Area::kSysctls, was, tied_to_target(was, now, declared), declared), IsEmpty());
  EXPECT_THAT(left_behind(was, tied_to_target(was, was, declared)), IsEmpty());
  now.namespaces.front().sysctls[kForLinksToCome] = "0";
  EXPECT_THAT(undeclared(Area::kSysctls, was, tied_to_target(was, now, declared), declared), Not(IsEmpty()));
}

struct Row {
  const char* name;
  std::function<void(Snapshot&)> change;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
NamespaceState& node(Snapshot& snapshot) { return snapshot.namespaces.front(); }
Link& veth1(Snapshot& snapshot) {
  for (Link& each : node(snapshot).links) {
    if (each.name == "veth1") return each;
  }
  throw std::logic_error("no veth1");
}

// Anybody's.
class NobodyCanTell : public ::testing::TestWithParam<Row> {};
TEST_P(NobodyCanTell, WhoseItIs) {
  Snapshot now = after();
  GetParam().change(now);
  EXPECT_THAT(all_undeclared(now), Not(IsEmpty()));  // it is there to be told
  EXPECT_THAT(all_undeclared(tied(now)), IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(
    Rows, NobodyCanTell,
    ::testing::Values(
        Row{"Link", [](Snapshot& s) { node(s).links.push_back(link(9, "docker0", "bridge", "02:00:00:00:00:09")); }},
        Row{"Address", [](Snapshot& s) { node(s).addresses.push_back(address(node(s).links[1], "10.9.0.1/24")); }},
        Row{"Route", [](Snapshot& s) { node(s).routes.push_back(route("10.9.0.0/24", "eth0")); }},
        Row{"RouteGone",
            [](Snapshot& s) {
              std::erase_if(node(s).routes, [](const Route& r) { return r.destination == prefix("10.0.0.0/24"); });
            }},
        Row{"Rule", [](Snapshot& s) { node(s).rules.pop_back(); }},
        Row{"Sysctl", [](Snapshot& s) { node(s).sysctls["net.ipv4.ip_forward"] = "1"; }},
        Row{"Filter", [](Snapshot& s) { node(s).nft_tables.push_back(filter("inet f2b", "1 chain, 1 rule", "2")); }},
        Row{"QueueLength",
            [](Snapshot& s) {
              s.pristine->new_links = {veth1(s)};
              s.pristine->new_links.front().settings["txqueuelen"] = 1000;
              veth1(s).settings["txqueuelen"] = 500;
            }},
        Row{"Offload",
            [](Snapshot& s) {
              s.pristine->new_links = {veth1(s)};
              veth1(s).switched_off.push_back("tx-generic-segmentation");
            }},
        Row{"Alias", [](Snapshot& s) { veth1(s).alias = "by the device manager"; }},
        Row{"Namespace",
            [](Snapshot& s) {
              s.entries.push_back({"cni-1", true, true, 4711, 1});
            }},
        Row{"File", [](Snapshot& s) { s.files.emplace_back("/var/log/syslog (changed)"); }},
        Row{"HostName", [](Snapshot& s) { s.host_name = "another"; }}),
    [](const auto& row) { return row.param.name; });

// The target's: in what is declared, or on it.
class TheTargets : public ::testing::TestWithParam<Row> {};
TEST_P(TheTargets, DoingIsAFindingStill) {
  Snapshot now = after();
  GetParam().change(now);
  EXPECT_THAT(all_undeclared(tied(now)), Not(IsEmpty()));
}
INSTANTIATE_TEST_SUITE_P(
    Rows, TheTargets,
    ::testing::Values(
        Row{"AddressOnItsLink", [](Snapshot& s) { node(s).addresses.push_back(address(veth1(s), "10.9.0.1/24")); }},
        Row{"RouteByItsLink", [](Snapshot& s) { node(s).routes.push_back(route("10.9.0.0/24", "veth1")); }},
        Row{"QueueOnItsLink",
            [](Snapshot& s) {
              node(s).qdiscs.push_back({"veth1", "netem", 1, 0xffffffff});
            }},
        Row{"SysctlOfItsLink", [](Snapshot& s) { node(s).sysctls["net.ipv4.conf.veth1.rp_filter"] = "1"; }},
        Row{"LinkInside",
            [](Snapshot& s) { s.namespaces.at(1).links.push_back(link(9, "veth9", "veth", "02:00:00:00:00:09")); }},
        Row{"RuleInside", [](Snapshot& s) { s.namespaces.at(1).rules.pop_back(); }},
        Row{"FilterInside",
            [](Snapshot& s) { s.namespaces.at(1).nft_tables.push_back(filter("inet f2b", "1 chain, 1 rule", "2")); }},
        Row{"AliasInside", [](Snapshot& s) { s.namespaces.at(1).links.back().alias = "an alias"; }}),
    [](const auto& row) { return row.param.name; });

TEST(SharedNode, WhatIsDeclaredAndLeftBehindIsAFinding) {
  EXPECT_THAT(left_behind(before(), tied(after())), Not(IsEmpty()));
}

}  // namespace
}  // namespace netns_lab
