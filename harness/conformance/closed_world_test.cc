#include "harness/conformance/closed_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "harness/conformance/test_world.h"

namespace netns_lab {
namespace {

using namespace test_world;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Declaration declared() { return declaration_of(topology()); }

TEST(ClosedWorld, FindsNothingInARightBuild) {
  for (const Area area : all_areas())
    EXPECT_THAT(undeclared(area, before(), after(), declared()), IsEmpty()) << to_string(area);
}

TEST(ClosedWorld, WhatIptablesLeavesOfItsTablesIsNothing) {
  Snapshot after = before();
  auto& tables = after.namespaces.front().nft_tables;
  tables.push_back(filter("ip nat", "", ""));
  tables.push_back(filter("ip6 filter", "3 chains without effect", "1"));
  tables.back().is_idle = true;
  EXPECT_THAT(left_behind(before(), after), IsEmpty());
  tables.back() = filter("ip6 filter", "3 chains, 1 rule", "1");
  tables.push_back(filter("ip extra", "", ""));
  tables.push_back(filter("inet nat", "1 chain without effect", "1"));
  tables.back().is_idle = true;
  EXPECT_THAT(left_behind(before(), after), SizeIs(3));
}

TEST(ClosedWorld, ADeclaredTableIsNoFinding) {
  Snapshot with = after();
  with.namespaces.front().nft_tables.push_back(filter("ip nat", "1 chain, 1 rule", "2"));
  with.namespaces.front().nft_tables.push_back(filter("iptables (legacy) nat", "1 rules or chains", "3"));
  Declaration known = declared();
  EXPECT_THAT(undeclared(Area::kPacketFilters, before(), with, known), SizeIs(2));
  known.nft_tables = {{"", "ip nat"}};
  EXPECT_THAT(undeclared(Area::kPacketFilters, before(), with, known), IsEmpty());
  known.nft_tables = {{"netns1", "ip nat"}, {"", "ip6 nat"}, {"", "ip na"}};
  EXPECT_THAT(undeclared(Area::kPacketFilters, before(), with, known), SizeIs(2));
}

TEST(ClosedWorld, ADeclaredTableDoesWhatItIsDeclaredToDo) {
  const auto found = [](const std::set<std::string>& statements) {
    Snapshot with = after();
    with.namespaces.front().nft_tables.push_back(filter("ip nat", "2 chains, 3 rules", "2"));
    with.namespaces.front().nft_tables.back().statements = statements;
    Declaration known = declared();
    known.nft_tables = {{"", "ip nat", {"masquerade"}}};
    return undeclared(Area::kPacketFilters, before(), with, known);
  };
  EXPECT_THAT(found({}), IsEmpty());
  EXPECT_THAT(found({"mark", "masquerade", "snat"}), IsEmpty());
  EXPECT_THAT(found({"dnat", "drop", "masquerade", "payload"}),
              ElementsAre("packet filter in the node: ip nat is declared, and nobody declared that it also has: dnat, "
                          "drop, payload (ip nat with 2 chains, 3 rules, contents 2, statements: dnat drop masquerade "
                          "payload)"));
}

TEST(ClosedWorld, ADeclaredTableTranslatesThePortsItIsDeclaredToTranslate) {
  const PortTranslation declared_one{6, 8080, 8080, "10.200.1.1", 80};
  const auto found = [&](PortTranslation seen) {
    Snapshot with = after();
    with.namespaces.front().nft_tables.push_back(filter("ip nat", "2 chains, 3 rules", "2"));
    with.namespaces.front().nft_tables.back().statements = {"dnat", "redirect"};
    with.namespaces.front().nft_tables.back().translations = {declared_one, std::move(seen)};
    Declaration known = declared();
    known.nft_tables = {{"", "ip nat", {"dnat"}, {declared_one}}};
    return undeclared(Area::kPacketFilters, before(), with, known);
  };
  EXPECT_THAT(found(declared_one), IsEmpty());
  EXPECT_THAT(found({6, 8080, 8080, "", 80}), IsEmpty()) << "a redirection";
  EXPECT_THAT(found({6, 8081, 8081, "10.200.1.1", 80}),
              ElementsAre(HasSubstr("also has: dnat of tcp port 8081 to 10.200.1.1:80 (ip nat with")));
  EXPECT_THAT(found({17, 8080, 8080, "10.200.1.1", 80}), SizeIs(1));
  EXPECT_THAT(found({6, 8080, 8090, "10.200.1.1", 80}), SizeIs(1));
  EXPECT_THAT(found({6, 8080, 8080, "10.200.1.9", 80}), SizeIs(1));
  EXPECT_THAT(found({6, 8080, 8080, "10.200.1.1", 81}), SizeIs(1));
  EXPECT_THAT(found({6, 8080, 8080, "10.200.1.1", {}}), SizeIs(1)) << "its port is kept, and another is declared";
  EXPECT_THAT(found({0, 8080, 8080, "10.200.1.1", 80}), SizeIs(1)) << "of any transport";
}

TEST(ClosedWorld, FindsNothingLeftBehindWhenNothingChanged) { EXPECT_THAT(left_behind(before(), before()), IsEmpty()); }

TEST(ClosedWorld, FindsEverythingThatATearDownForgot) {
  const auto findings = left_behind(before(), after());
  EXPECT_THAT(findings, Contains(HasSubstr("link veth1 in the node")));
  EXPECT_THAT(findings, Contains(HasSubstr("route to 10.200.1.1/32")));
  EXPECT_THAT(findings, Contains(HasSubstr("/run/netns/netns1")));
}

TEST(ClosedWorld, ComparesWhatOthersHaveInTheirNamespaces) {
  Snapshot with = before();
  with.namespaces.push_back(with.namespaces.front());
  NamespaceState& others = with.namespaces.back();
  others.name = "others";
  others.inode += 1000;
  Snapshot changed = with;
  changed.namespaces.back().rules.pop_back();
  EXPECT_THAT(left_behind(with, with), IsEmpty());
  EXPECT_THAT(left_behind(with, changed), Contains(HasSubstr("others")));
  // Another one of that name is told by its name; one that is the node's own has been compared.
  changed.namespaces.back().inode += 1;
  EXPECT_THAT(undeclared(Area::kRules, with, changed, Declaration()), IsEmpty());
  changed.namespaces.back().inode = changed.namespaces.front().inode;
  EXPECT_THAT(undeclared(Area::kRules, with, changed, Declaration()), IsEmpty());
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

ForwardingEntry forwarding_entry(const std::string& mac, std::uint16_t state) {
  ForwardingEntry entry;
  entry.link = "veth1";
  entry.bridge = "br0";
  entry.mac = MacAddress::parse(mac).value();
  entry.state = state;
  return entry;
}

Neighbour neighbour(const std::string& address, std::uint16_t state, std::uint32_t flags) {
  Neighbour entry;
  entry.link = "veth1";
  entry.link_index = 3;
  entry.address = ip(address);
  entry.mac = MacAddress::parse("02:00:00:00:00:04").value();
  entry.state = state;
  entry.flags = flags;
  return entry;
}

void drop_route(NamespaceState& state, const std::string& destination, RouteType type) {
  const auto found = std::find_if(state.routes.begin(), state.routes.end(), [&](const Route& route) {
    return route.destination == prefix(destination) && route.type == type;
  });
  ASSERT_NE(found, state.routes.end());
  state.routes.erase(found);
}

void drop_link_local(NamespaceState& container) {
  const auto own = container.addresses.begin() + 2;
  drop_route(container, own->prefix.address.to_string() + "/128", RouteType::kLocal);
  drop_route(container, "fe80::/64", RouteType::kUnicast);
  container.addresses.erase(own);
}

void add_address(NamespaceState& state, const Link& on, const std::string& text) {
  state.addresses.push_back(address(on, text));
  state.routes.push_back(kernel_route(text, on.name, RouteType::kLocal, kLocalTable));
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
     [](Snapshot& s) { add_address(container_of(s), container_of(s).links[0], "10.9.9.9/32"); }, "10.9.9.9/32 on lo"},
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
     [](Snapshot& s) { node_of(s).neighbours.push_back(neighbour("10.200.1.1", 0x80, 0)); },
     "(10.200.1.1 dev veth1 lladdr 02:00:00:00:00:04 PERMANENT)"},
    {"NeighbourProxy", Area::kNeighbours,
     [](Snapshot& s) { node_of(s).neighbours.push_back(neighbour("10.200.1.9", 0, 0x08)); },
     "neighbour entry in the node: nobody declared it (10.200.1.9 dev veth1"},
    {"ExternallyLearnedNeighbour", Area::kNeighbours,
     [](Snapshot& s) { node_of(s).neighbours.push_back(neighbour("10.200.1.9", 0x02, 0x10)); }, "extern_learn"},
    {"ManagedNeighbour", Area::kNeighbours,
     [](Snapshot& s) { node_of(s).neighbours.push_back(neighbour("10.200.1.9", 0x02, 0x100)); }, "managed"},
    {"NeighbourWithoutResolution", Area::kNeighbours,
     [](Snapshot& s) { node_of(s).neighbours.push_back(neighbour("10.200.1.9", 0x40, 0)); }, "NOARP"},
    {"StaticForwardingEntry", Area::kForwarding,
     [](Snapshot& s) { node_of(s).forwarding.push_back(forwarding_entry("02:00:00:00:00:09", 0x40)); },
     "forwarding entry in the node: nobody declared it (02:00:00:00:00:09 dev veth1 master br0 NOARP)"},
    {"ForeignAddressTakenIn", Area::kForwarding,
     [](Snapshot& s) { node_of(s).forwarding.push_back(forwarding_entry("02:00:00:00:00:09", 0x80)); }, "PERMANENT"},
    {"UplinkLearnsNoMore", Area::kLinks,
     [](Snapshot& s) {
       node_of(s).links[1].bridge_port = {{"learning", 0}};
     },
     "port settings learning 0, it was none"},
    {"UplinkIsAnotherBridge", Area::kLinks,
     [](Snapshot& s) {
       node_of(s).links[1].bridge = {{"stp_state", 1}};
     },
     "bridge settings stp_state 1"},
    {"LoopbackInsideIsPromiscuous", Area::kLinks, [](Snapshot& s) { container_of(s).links[0].flags |= IFF_PROMISC; },
     "link lo in namespace netns1 was changed: flags"},
    {"LoopbackInsideHasAnotherMtu", Area::kLinks, [](Snapshot& s) { container_of(s).links[0].mtu = 1400; },
     "MTU 1400, it was 65536"},
    {"UplinkWithAnAlias", Area::kLinks, [](Snapshot& s) { node_of(s).links[1].alias = "mine"; },
     "link eth0 in the node was changed: alias mine, it was none"},
    {"DeclaredLinksAlias", Area::kLinks, [](Snapshot& s) { node_of(s).links[2].alias = "mine"; },
     "link veth1 in the node has the alias 'mine': nobody declared it"},
    {"DeclaredLinksName", Area::kLinks, [](Snapshot& s) { container_of(s).links[1].alternative_names = {"eth0"}; },
     "link veth2 in namespace netns1 has the alternative name eth0: nobody declared it"},
    {"DeclaredLinksGroup", Area::kLinks, [](Snapshot& s) { container_of(s).links[1].group = 7; },
     "has group 7, not 0: nobody declared it"},
    {"DeclaredLinksToken", Area::kLinks, [](Snapshot& s) { container_of(s).links[1].token = ip("::99"); },
     "has the IPv6 token ::99: nobody declared it"},
    {"DeclaredLinksQueue", Area::kLinks,
     [](Snapshot& s) {
       container_of(s).links[1].settings = {{"txqueuelen", 5}};
     },
     "has txqueuelen 5, a new link has 1000: nobody declared it"},
    {"DeclaredLinksFeatureOff", Area::kLinks,
     [](Snapshot& s) {
       node_of(s).links[2].switched_off = {"rx-gro", "tx-checksum-ip-generic"};
     },
     "has tx-checksum-ip-generic switched off, a new link has it on"},
    {"UplinksQueue", Area::kLinks,
     [](Snapshot& s) {
       node_of(s).links[1].settings = {{"txqueuelen", 5}};
     },
     "link eth0 in the node was changed: settings txqueuelen 5, it was none"},
    {"NextHop", Area::kRoutes,
     [](Snapshot& s) {
       container_of(s).further.push_back({"next hop", "id 5", "blackhole"});
     },
     "next hop id 5 in namespace netns1: nobody declared it (blackhole)"},
    {"AddressLabelChanged", Area::kAddresses, [](Snapshot& s) { container_of(s).further[0].details = "1"; },
     "IPv6 address label of fc00::/7 in namespace netns1 was changed: 1, it was 5"},
    {"AddressLabelGone", Area::kAddresses, [](Snapshot& s) { container_of(s).further.clear(); },
     "IPv6 address label of fc00::/7 in namespace netns1 was there before and is gone"},
    {"XfrmPolicy", Area::kPacketFilters,
     [](Snapshot& s) {
       node_of(s).further.push_back({"xfrm policy", "out block", "contents 1"});
     },
     "xfrm policy out block in the node: nobody declared it (contents 1)"},
    {"UplinksAddressExpires", Area::kAddresses, [](Snapshot& s) { node_of(s).addresses[2].valid_lifetime = 100; },
     "address 10.0.0.2/24 on eth0 in the node was changed"},
    {"LoopbackAddressInsideDeleted", Area::kAddresses,
     [](Snapshot& s) {
       auto& addresses = container_of(s).addresses;
       addresses.erase(addresses.begin());
       drop_route(container_of(s), "127.0.0.1/32", RouteType::kLocal);
       drop_route(container_of(s), "127.0.0.0/8", RouteType::kLocal);
       drop_route(container_of(s), "127.255.255.255/32", RouteType::kBroadcast);
     },
     "lo in namespace netns1 lacks 127.0.0.1/8"},
    {"LinkLocalAddressDeleted", Area::kAddresses,
     [](Snapshot& s) {
       NamespaceState& container = container_of(s);
       container.sysctls["net.ipv6.conf.veth2.disable_ipv6"] = "0";
       container.sysctls["net.ipv6.conf.veth2.addr_gen_mode"] = "0";
       drop_link_local(container);
     },
     "veth2 in namespace netns1 lacks the IPv6 link-local address"},
    {"LocalRouteDeleted", Area::kRoutes,
     [](Snapshot& s) { drop_route(container_of(s), "10.200.1.1/32", RouteType::kLocal); },
     "the local route of 10.200.1.1 (table local) is missing in namespace netns1, link veth2"},
    {"LocalRouteOfLoopbackDeleted", Area::kRoutes,
     [](Snapshot& s) { drop_route(container_of(s), "127.0.0.0/8", RouteType::kLocal); },
     "the local route to 127.0.0.0/8"},
    {"MulticastRouteDeleted", Area::kRoutes,
     [](Snapshot& s) { drop_route(node_of(s), "ff00::/8", RouteType::kMulticast); },
     "the multicast route to ff00::/8 (table local) is missing in the node, link veth1"},
    {"LinkLocalRouteDeleted", Area::kRoutes,
     [](Snapshot& s) {
       drop_route(node_of(s), "fe80::/64", RouteType::kUnicast);
       // That of another link stands for nothing here; declared it is not, but the kernel's own.
       node_of(s).addresses.push_back(address(node_of(s).links[1], "fe80::ff:fe00:2/64", Scope::kLink));
       node_of(s).routes.push_back(kernel_route("fe80::/64", "eth0", RouteType::kUnicast, kMainTable));
       node_of(s).routes.push_back(kernel_route("fe80::ff:fe00:2/128", "eth0", RouteType::kLocal, kLocalTable));
     },
     "the route to fe80::/64 is missing in the node, link veth1"},
    {"KernelsRouteWithAMetric", Area::kRoutes,
     [](Snapshot& s) { container_of(s).routes[1].other_metrics["advmss"] = "500"; }, "advmss 500"},
    {"KernelsRouteOfAnotherProtocol", Area::kRoutes, [](Snapshot& s) { node_of(s).routes[4].protocol = 99; },
     "10.0.0.0/24 in the node: nobody declared it"},
    {"SysctlOfANewLinksNeighbours", Area::kSysctls,
     [](Snapshot& s) {
       s.pristine->sysctls["net.ipv4.neigh.lo.gc_stale_time"] = "60";
       container_of(s).sysctls["net.ipv4.neigh.veth2.gc_stale_time"] = "5";
     },
     "net.ipv4.neigh.veth2.gc_stale_time in namespace netns1 is 5; a new link has 60 there"},
    {"Ipv6MtuOfANewLink", Area::kSysctls, [](Snapshot& s) { node_of(s).sysctls["net.ipv6.conf.veth1.mtu"] = "1400"; },
     "net.ipv6.conf.veth1.mtu in the node is 1400; the link's MTU is 1500"},
    {"XdpProgram", Area::kPacketFilters, [](Snapshot& s) { container_of(s).links[1].xdp_attached = true; },
     "XDP program on veth2 in namespace netns1"},
    {"SysctlOfTheNode", Area::kSysctls, [](Snapshot& s) { node_of(s).sysctls["net.ipv4.ip_forward"] = "1"; },
     "ip_forward in the node is 1, it was 0"},
    {"SysctlOfTheNamespace", Area::kSysctls, [](Snapshot& s) { container_of(s).sysctls["net.ipv4.ip_forward"] = "1"; },
     "in namespace netns1 is 1"},
    {"SysctlOfANewLink", Area::kSysctls, [](Snapshot& s) { node_of(s).sysctls["net.ipv4.conf.veth1.rp_filter"] = "1"; },
     "a new link has 0 there"},
    {"NftTable", Area::kPacketFilters,
     [](Snapshot& s) { container_of(s).nft_tables.push_back(filter("ip filter", "", "")); }, "ip filter"},
    {"NftTableWithOtherRules", Area::kPacketFilters,
     [](Snapshot& s) { node_of(s).nft_tables[0] = filter("inet firewall", "1 chain, 2 rules", "2"); },
     "packet filter in the node was changed (inet firewall with 1 chain, 2 rules, contents 2; it was: inet firewall "
     "with 1 chain, 1 rule, contents 1)"},
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
    {"File", Area::kFiles, [](Snapshot& s) { s.files.push_back("/tmp/left"); }, "/tmp/left was made and not removed"},
    {"ChangedFile", Area::kFiles, [](Snapshot& s) { s.files.push_back("/etc (mode 777, it was 755)"); },
     "/etc (mode 777, it was 755)"},
    {"Mount", Area::kMounts, [](Snapshot& s) { s.mounts.push_back("tmpfs is mounted on /mnt (rw)"); },
     "tmpfs is mounted on /mnt (rw)"},
    {"HostName", Area::kHostName, [](Snapshot& s) { s.host_name = "another"; },
     "the node's host name is another; it was node-1"},
    {"DomainName", Area::kHostName, [](Snapshot& s) { s.domain_name = "example"; },
     "the node's NIS domain name is example; it was (none)"},
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
    {"LearnedForwardingEntry",
     [](Snapshot& s) { node_of(s).forwarding.push_back(forwarding_entry("02:00:00:00:00:09", 0x02)); }},
    {"OwnForwardingEntry",
     [](Snapshot& s) {
       const std::string own = node_of(s).find_link("veth1")->mac.to_string();
       node_of(s).forwarding.push_back(forwarding_entry(own, 0x80));
     }},
    // arp_constructor, net/ipv4/arp.c
    {"MulticastNeighbour", [](Snapshot& s) { node_of(s).neighbours.push_back(neighbour("224.0.0.22", 0x40, 0)); }},
    {"BroadcastNeighbour",
     [](Snapshot& s) {
       Neighbour entry = neighbour("10.0.0.255", 0x40, 0);
       entry.mac = MacAddress::parse("ff:ff:ff:ff:ff:ff").value();
       node_of(s).neighbours.push_back(entry);
     }},
    {"NeighbourOfALinkWithoutArp",
     [](Snapshot& s) {
       Neighbour entry = neighbour("10.200.1.1", 0x40, 0);
       entry.mac = node_of(s).find_link("veth1")->mac;
       node_of(s).neighbours.push_back(entry);
     }},
    {"Ipv6MtuOfALink", [](Snapshot& s) { node_of(s).sysctls["net.ipv6.conf.veth1.mtu"] = "1500"; }},
    {"LinkThatMakesNoLinkLocalAddress",
     [](Snapshot& s) {
       NamespaceState& container = container_of(s);
       container.sysctls["net.ipv6.conf.veth2.disable_ipv6"] = "1";
       container.sysctls["net.ipv6.conf.veth2.addr_gen_mode"] = "0";
       drop_link_local(container);
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
       s.files.insert(s.files.end(), {"/run/mount", "/run/mount/utab", "/run/xtables.lock"});
     }},
    {"ProcessThatEnded", [](Snapshot& s) { s.processes.clear(); }},
    // Wrong, but claims of their own judge these.
    {"WrongHostRoute", [](Snapshot& s) { node_of(s).routes.back().hops[0].link = "eth0"; }},
    {"SecondAddressOfTheContainer",
     [](Snapshot& s) { add_address(container_of(s), container_of(s).links[1], "10.200.1.2/32"); }},
    {"LoopbackLeftDown", [](Snapshot& s) { container_of(s).links[0] = loopback(false); }},
};
INSTANTIATE_TEST_SUITE_P(Rows, Noise, ::testing::ValuesIn(kNoise),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace netns_lab
