#include "harness/conformance/closed_world.h"

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

Declaration declared() { return declaration_of(topology()); }

TEST(ClosedWorld, FindsNothingInARightBuild) {
  for (const Area area : all_areas())
    EXPECT_THAT(undeclared(area, before(), after(), declared()), IsEmpty()) << to_string(area);
}

TEST(ClosedWorld, FindsNothingLeftBehindWhenNothingChanged) { EXPECT_THAT(left_behind(before(), before()), IsEmpty()); }

TEST(ClosedWorld, FindsEverythingThatATearDownForgot) {
  const auto findings = left_behind(before(), after());
  EXPECT_THAT(findings, Contains(HasSubstr("link veth1 in the node")));
  EXPECT_THAT(findings, Contains(HasSubstr("route to 10.200.1.1/32")));
  EXPECT_THAT(findings, Contains(HasSubstr("/run/netns/netns1")));
}

TEST(ClosedWorld, RefusesToJudgeAnEmptySnapshot) {
  EXPECT_THROW(undeclared(Area::kLinks, Snapshot(), after(), declared()), std::invalid_argument);
  EXPECT_THROW(undeclared(Area::kLinks, before(), Snapshot(), declared()), std::invalid_argument);
}

TEST(ClosedWorld, RefusesToJudgeANamespaceWithoutAPristineOne) {
  Snapshot without = after();
  without.pristine.reset();
  EXPECT_THROW(undeclared(Area::kLinks, before(), without, declared()), std::invalid_argument);
}

struct FindingRow {
  const char* name;
  Area area;
  std::function<void(Snapshot&)> change;
  const char* says;
};
void PrintTo(const FindingRow& row, std::ostream* out) { *out << row.name; }

class Finding : public ::testing::TestWithParam<FindingRow> {};

TEST_P(Finding, IsFoundInItsArea) {
  Snapshot changed = after();
  GetParam().change(changed);
  EXPECT_THAT(undeclared(GetParam().area, before(), changed, declared()), Contains(HasSubstr(GetParam().says)));
}

TEST_P(Finding, IsFoundInNoOtherArea) {
  Snapshot changed = after();
  GetParam().change(changed);
  for (const Area area : all_areas()) {
    if (area == GetParam().area) continue;
    EXPECT_THAT(undeclared(area, before(), changed, declared()), IsEmpty()) << to_string(area);
  }
}

const FindingRow kFindings[] = {
    {"LinkOnTheNode", Area::kLinks,
     [](Snapshot& s) { node_of(s).links.push_back(link(9, "veth9", "veth", "02:00:00:00:00:09")); },
     "veth9 in the node"},
    {"LinkInTheNamespace", Area::kLinks,
     [](Snapshot& s) { container_of(s).links.push_back(link(9, "br0", "bridge", "02:00:00:00:00:09")); },
     "br0 in namespace netns1"},
    {"ChangedUplink", Area::kLinks, [](Snapshot& s) { node_of(s).links[1].mtu = 1400; },
     "eth0 in the node was changed"},
    {"VanishedLink", Area::kLinks, [](Snapshot& s) { node_of(s).links.erase(node_of(s).links.begin() + 1); },
     "eth0 in the node was there before"},
    {"AddressOnTheUplink", Area::kAddresses,
     [](Snapshot& s) { node_of(s).addresses.push_back(address(node_of(s).links[1], "10.9.9.9/32")); },
     "10.9.9.9/32 on eth0"},
    {"AddressOnTheLoopback", Area::kAddresses,
     [](Snapshot& s) { container_of(s).addresses.push_back(address(container_of(s).links[0], "10.9.9.9/32")); },
     "10.9.9.9/32 on lo"},
    {"RouteInTheMainTable", Area::kRoutes,
     [](Snapshot& s) { node_of(s).routes.push_back(route("10.200.0.0/16", "veth1")); }, "10.200.0.0/16 in the node"},
    {"RouteInAnotherTable", Area::kRoutes,
     [](Snapshot& s) {
       Route other = route("10.200.1.1/32", "eth0");
       other.table = 100;
       node_of(s).routes.push_back(other);
     },
     "table 100"},
    {"RouteThatPosesAsTheKernels", Area::kRoutes,
     [](Snapshot& s) {
       container_of(s).routes.push_back(kernel_route("10.200.1.0/24", "veth2", RouteType::kUnicast, kMainTable));
     },
     "10.200.1.0/24"},
    {"VanishedRoute", Area::kRoutes,
     [](Snapshot& s) {
       auto& routes = node_of(s).routes;
       routes.erase(routes.begin() + 4);
     },
     "was there before and is gone"},
    {"Rule", Area::kRules,
     [](Snapshot& s) {
       RoutingRule rule;
       rule.priority = 100;
       rule.table = 100;
       container_of(s).rules.push_back(rule);
     },
     "routing rule in namespace netns1"},
    {"PermanentNeighbour", Area::kNeighbours,
     [](Snapshot& s) {
       Neighbour entry;
       entry.link = "veth1";
       entry.address = ip("10.200.1.1");
       entry.mac = MacAddress::parse("02:00:00:00:00:04").value();
       entry.state = 0x80;
       node_of(s).neighbours.push_back(entry);
     },
     "10.200.1.1 is at 02:00:00:00:00:04 on veth1"},
    {"SysctlOfTheNode", Area::kSysctls, [](Snapshot& s) { node_of(s).sysctls["net.ipv4.ip_forward"] = "1"; },
     "ip_forward in the node is 1, it was 0"},
    {"SysctlOfTheNamespace", Area::kSysctls, [](Snapshot& s) { container_of(s).sysctls["net.ipv4.ip_forward"] = "1"; },
     "in namespace netns1 is 1"},
    {"SysctlOfANewLink", Area::kSysctls, [](Snapshot& s) { node_of(s).sysctls["net.ipv4.conf.veth1.rp_filter"] = "1"; },
     "a new link has 0 there"},
    {"NftTable", Area::kPacketFilters, [](Snapshot& s) { container_of(s).nft_tables.push_back("ip filter"); },
     "ip filter"},
    {"Qdisc", Area::kQdiscs,
     [](Snapshot& s) {
       QueueDiscipline qdisc;
       qdisc.link = "veth1";
       qdisc.kind = "tbf";
       node_of(s).qdiscs.push_back(qdisc);
     },
     "tbf on veth1"},
    {"Socket", Area::kSockets,
     [](Snapshot& s) {
       BoundSocket socket;
       socket.protocol = "tcp";
       socket.port = 8080;
       container_of(s).sockets.push_back(socket);
     },
     "tcp 0.0.0.0 port 8080"},
    {"NamespaceName", Area::kNamespaces,
     [](Snapshot& s) {
       NamespaceEntry entry;
       entry.name = "netns2";
       s.entries.push_back(entry);
     },
     "/run/netns/netns2: nobody declared it (a plain file)"},
    {"File", Area::kFiles, [](Snapshot& s) { s.files.push_back("/tmp/left"); }, "/tmp/left"},
    {"Process", Area::kProcesses,
     [](Snapshot& s) {
       ProcessState daemon;
       daemon.pid = 8;
       daemon.command = "dnsmasq -d";
       s.processes.push_back(daemon);
     },
     "process 8 still runs: dnsmasq -d"},
};
INSTANTIATE_TEST_SUITE_P(Rows, Finding, ::testing::ValuesIn(kFindings),
                         [](const auto& row) { return std::string(row.param.name); });

struct QuietRow {
  const char* name;
  std::function<void(Snapshot&)> change;
};
void PrintTo(const QuietRow& row, std::ostream* out) { *out << row.name; }

class Noise : public ::testing::TestWithParam<QuietRow> {};

TEST_P(Noise, IsNoFinding) {
  Snapshot changed = after();
  GetParam().change(changed);
  for (const Area area : all_areas())
    EXPECT_THAT(undeclared(area, before(), changed, declared()), IsEmpty()) << to_string(area);
}

const QuietRow kNoise[] = {
    {"DynamicNeighbour",
     [](Snapshot& s) {
       Neighbour entry;
       entry.link = "eth0";
       entry.address = ip("10.0.0.1");
       entry.state = 0x04;
       node_of(s).neighbours.push_back(entry);
     }},
    {"TentativeLinkLocalAddress", [](Snapshot& s) { node_of(s).addresses.back().flags |= IFA_F_TENTATIVE; }},
    {"AnycastRouteOfAForwardingLink",
     [](Snapshot& s) {
       node_of(s).routes.push_back(kernel_route("fe80::/128", "veth1", RouteType::kAnycast, kLocalTable));
     }},
    {"OwnConntrackCount", [](Snapshot& s) { node_of(s).sysctls["net.netfilter.nf_conntrack_count"] = "3"; }},
    {"LinkIndexesOfRoutes", [](Snapshot& s) { node_of(s).routes[4].hops[0].link_index = 77; }},
    {"TableOfMount",
     [](Snapshot& s) {
       s.files.insert(s.files.end(), {"/run/mount", "/run/mount/utab"});
     }},
    {"ProcessThatEnded", [](Snapshot& s) { s.processes.clear(); }},
    // Wrong, but claims of their own judge these.
    {"WrongHostRoute", [](Snapshot& s) { node_of(s).routes.back().hops[0].link = "eth0"; }},
    {"SecondAddressOfTheContainer",
     [](Snapshot& s) { container_of(s).addresses.push_back(address(container_of(s).links[1], "10.200.1.2/32")); }},
    {"LoopbackLeftDown", [](Snapshot& s) { container_of(s).links[0] = loopback(false); }},
};
INSTANTIATE_TEST_SUITE_P(Rows, Noise, ::testing::ValuesIn(kNoise),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace netns_lab
