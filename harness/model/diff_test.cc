#include "harness/model/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "harness/model/samples.h"

namespace netns_lab {
namespace {

ForwardingEntry forwarding_entry(std::uint16_t state) {
  ForwardingEntry entry;
  entry.link = "veth1";
  entry.bridge = "br0";
  entry.mac = MacAddress({2, 0, 0, 0, 0, 9});
  entry.state = state;
  return entry;
}

// Two namespaces joined by a veth pair, as part 1 makes them.
Snapshot part_one() {
  Link host;
  host.index = 5;
  host.name = "veth1";
  host.kind = "veth";
  host.mac = MacAddress({2, 0, 0, 0, 0, 1});
  host.mtu = 1500;
  host.flags = 0x11043;
  host.operstate = OperState::kUp;
  host.carrier = true;
  host.peer_index = 4;
  host.peer_netnsid = 0;
  Link inner = host;
  inner.index = 4;
  inner.name = "veth2";
  inner.mac = MacAddress({2, 0, 0, 0, 0, 2});
  inner.peer_index = 5;
  InterfaceAddress address;
  address.link_index = 4;
  address.link = "veth2";
  address.prefix = Prefix::host(IpAddress::v4(10, 200, 1, 1));
  address.flags = 0x80;
  Route route;
  route.destination = Prefix::host(IpAddress::v4(10, 200, 1, 1));
  route.scope = Scope::kLink;
  NextHop hop;
  hop.link_index = 5;
  hop.link = "veth1";
  route.hops = {hop};
  Neighbour neighbour;
  neighbour.link_index = 5;
  neighbour.link = "veth1";
  neighbour.address = IpAddress::v4(10, 200, 1, 1);
  neighbour.mac = inner.mac;
  neighbour.state = 0x02;

  NamespaceState own;
  own.inode = 100;
  own.links = {host};
  own.routes = {route};
  own.neighbours = {neighbour};
  own.sysctls = {{"net.ipv4.ip_forward", "0"}};
  own.netnsids = {{0, 200}};
  NamespaceState inside;
  inside.name = "netns1";
  inside.inode = 200;
  inside.links = {inner};
  inside.addresses = {address};
  inside.netnsids = {{0, 100}};
  NamespaceEntry entry;
  entry.name = "netns1";
  entry.is_nsfs_mount = true;
  entry.is_network = true;
  entry.inode = 200;
  entry.mounts = 1;
  ProcessState process;
  process.pid = 42;
  process.command = "sleep 1000";
  process.network_namespace_inode = 200;

  Snapshot snapshot;
  snapshot.namespaces = {own, inside};
  snapshot.entries = {entry};
  snapshot.processes = {process};
  snapshot.files = {"/etc/hosts"};
  snapshot.host_name = "node-1";
  return snapshot;
}

PacketFilter filter(const std::string& name) {
  PacketFilter made;
  made.name = name;
  return made;
}

struct Case {
  const char* name;
  std::function<void(Snapshot&)> change;
  std::vector<std::string> want;  // the findings, printed
  DiffOptions options = {};
};
NamespaceState& own(Snapshot& snapshot) { return snapshot.namespaces[0]; }
NamespaceState& inside(Snapshot& snapshot) { return snapshot.namespaces[1]; }
DiffOptions with(void (*set)(DiffOptions&)) {
  DiffOptions options;
  set(options);
  return options;
}

std::vector<std::string> lines(const std::vector<Finding>& findings) {
  std::vector<std::string> printed;
  for (const Finding& finding : findings) printed.push_back(to_string(finding));
  return printed;
}

class SnapshotDiff : public ::testing::TestWithParam<Case> {};
TEST_P(SnapshotDiff, TellsWhatChanged) {
  const Snapshot before = part_one();
  Snapshot after = before;
  GetParam().change(after);
  EXPECT_EQ(lines(diff(before, after, GetParam().options)), GetParam().want);
}
TEST_P(SnapshotDiff, TellsAsMuchTheOtherWayRound) {
  const Snapshot before = part_one();
  Snapshot after = before;
  GetParam().change(after);
  EXPECT_EQ(diff(after, before, GetParam().options).size(), GetParam().want.size());
}
INSTANTIATE_TEST_SUITE_P(
    Of, SnapshotDiff,
    ::testing::Values(
        Case{"Nothing", [](Snapshot&) {}, {}},
        Case{"NewLink",
             [](Snapshot& s) {
               Link link;
               link.index = 9;
               link.name = "br0";
               link.kind = "bridge";
               own(s).links.push_back(link);
             },
             {"new link on the node: 9: br0 bridge <> mtu 0 state UNKNOWN no-carrier mac 00:00:00:00:00:00"}},
        Case{"LinkGone", [](Snapshot& s) { inside(s).links.clear(); },
             {"link veth1 on the node changed: peer veth2 in netns1, now peer unknown in netns1",
              "link gone from netns1: 4: veth2 veth <UP,BROADCAST,RUNNING,MULTICAST,LOWER_UP> mtu 1500 state UP carrier mac "
              "02:00:00:00:00:02 peer 5 netnsid 0"}},
        Case{"LinkDown",
             [](Snapshot& s) {
               own(s).links[0].flags = 0x1002;
               own(s).links[0].operstate = OperState::kDown;
             },
             {"link veth1 on the node changed: flags UP,BROADCAST,RUNNING,MULTICAST,LOWER_UP, state UP, now flags "
              "BROADCAST,MULTICAST, state DOWN"}},
        Case{"Mtu", [](Snapshot& s) { inside(s).links[0].mtu = 1400; },
             {"link veth2 in netns1 changed: mtu 1500, now mtu 1400"}},
        Case{"Master",
             [](Snapshot& s) {
               Link bridge;
               bridge.index = 9;
               bridge.name = "br0";
               own(s).links.push_back(bridge);
               own(s).links[0].master = 9;
             },
             {"link veth1 on the node changed: master none, now master br0",
              "new link on the node: 9: br0 <> mtu 0 state UNKNOWN no-carrier mac 00:00:00:00:00:00"}},
        Case{"Alias", [](Snapshot& s) { own(s).links[0].alias = "a\x01"; },
             {"link veth1 on the node changed: alias none, now alias a\\x01"}},
        Case{"NumbersOfTheKernel",
             [](Snapshot& s) {
               own(s).links[0].index = 50;
               own(s).links[0].peer_netnsid = 7;
               own(s).links[0].peer_index = 40;
               own(s).netnsids = {{7, 200}};
               own(s).routes[0].hops[0].link_index = 50;
               inside(s).links[0].index = 40;
               inside(s).links[0].peer_index = 50;
               inside(s).addresses[0].link_index = 40;
             },
             {}},
        Case{"PeerInAnotherNamespace",
             [](Snapshot& s) { own(s).netnsids = {}; },
             {"link veth1 on the node changed: peer veth2 in netns1, now peer in an unknown namespace"}},
        Case{"NewAddress",
             [](Snapshot& s) {
               InterfaceAddress address = inside(s).addresses[0];
               address.prefix = Prefix{IpAddress::v4(10, 0, 0, 1), 24};
               inside(s).addresses.insert(inside(s).addresses.begin(), address);
             },
             {"new address in netns1: 10.0.0.1/24 dev veth2 scope global permanent"}},
        Case{"AddressScope", [](Snapshot& s) { inside(s).addresses[0].scope = Scope::kLink; },
             {"address 10.200.1.1/32 on veth2 in netns1 changed: scope global, now scope link"}},
        Case{"AddressThatNowExpires",
             [](Snapshot& s) {
               inside(s).addresses[0].valid_lifetime = 60;
               inside(s).addresses[0].flags = 0;
             },
             {"address 10.200.1.1/32 on veth2 in netns1 changed: flags permanent, valid forever, now flags none, valid 60 s"}},
        Case{"AddressTentative", [](Snapshot& s) { inside(s).addresses[0].flags |= 0x40; }, {}},
        Case{"AddressTentativeAsked", [](Snapshot& s) { inside(s).addresses[0].flags |= 0x40; },
             {"address 10.200.1.1/32 on veth2 in netns1 changed: flags permanent, now flags tentative,permanent"},
             with([](DiffOptions& o) { o.tentative = true; })},
        Case{"NewRoute",
             [](Snapshot& s) {
               Route route;
               route.type = RouteType::kBlackhole;
               route.destination = Prefix{IpAddress::v4(10, 0, 0, 0), 8};
               own(s).routes.push_back(route);
             },
             {"new route on the node: blackhole 10.0.0.0/8 proto boot scope global"}},
        Case{"RouteElsewhere", [](Snapshot& s) { own(s).routes[0].hops[0].link = "eth0"; },
             {"route 10.200.1.1/32 on the node changed: route 10.200.1.1 dev veth1 proto boot scope link, now route 10.200.1.1 "
              "dev eth0 proto boot scope link"}},
        Case{"SecondRouteOfTheSameKey",
             [](Snapshot& s) {
               own(s).routes.push_back(own(s).routes[0]);
               own(s).routes[0].hops[0].link = "eth0";
             },
             {"new route on the node: 10.200.1.1 dev eth0 proto boot scope link"}},
        Case{"KernelRouteLeftOut",
             [](Snapshot& s) {
               own(s).routes.push_back(own(s).routes[0]);
               own(s).routes.back().protocol = kKernelProtocol;
             },
             {}, with([](DiffOptions& o) { o.kernel_routes = false; })},
        Case{"KernelRoute",
             [](Snapshot& s) {
               own(s).routes.push_back(own(s).routes[0]);
               own(s).routes.back().protocol = kKernelProtocol;
             },
             {"new route on the node: 10.200.1.1 dev veth1 proto kernel scope link"}},
        Case{"NewRule", [](Snapshot& s) { own(s).rules.push_back(samples::rule()); },
             {"new rule on the node: IPv4 rule 100: from 10.0.0.0/8 to 10.1.0.0/16 iif veth1 oif eth0 fwmark 0x1/0xff dport 22-22 not lookup 100 "
              "proto boot"}},
        Case{"PortSetting", [](Snapshot& s) { own(s).links[0].bridge_port = {{"learning", 1}}; },
             {"link veth1 on the node changed: learning none, now learning 1"}},
        Case{"BridgeSetting",
             [](Snapshot& s) { own(s).links[0].bridge = {{"stp_state", 1}}; },
             {"link veth1 on the node changed: stp_state none, now stp_state 1"}},
        Case{"StaticForwardingEntry", [](Snapshot& s) { own(s).forwarding = {forwarding_entry(0x40)}; },
             {"new forwarding entry on the node: 02:00:00:00:00:09 dev veth1 master br0 NOARP"}},
        Case{"LearnedForwardingEntry", [](Snapshot& s) { own(s).forwarding = {forwarding_entry(0x02)}; }, {}},
        Case{"LearnedForwardingEntryAsked", [](Snapshot& s) { own(s).forwarding = {forwarding_entry(0x02)}; },
             {"new forwarding entry on the node: 02:00:00:00:00:09 dev veth1 master br0 REACHABLE"},
             with([](DiffOptions& o) { o.dynamic_neighbours = true; })},
        Case{"DynamicNeighbour", [](Snapshot& s) { own(s).neighbours.clear(); }, {}},
        Case{"DynamicNeighbourAsked", [](Snapshot& s) { own(s).neighbours.clear(); },
             {"neighbour gone from the node: 10.200.1.1 dev veth1 lladdr 02:00:00:00:00:02 REACHABLE"},
             with([](DiffOptions& o) { o.dynamic_neighbours = true; })},
        Case{"PermanentNeighbour", [](Snapshot& s) { own(s).neighbours[0].state = 0x80; },
             {"new neighbour on the node: 10.200.1.1 dev veth1 lladdr 02:00:00:00:00:02 PERMANENT"}},
        Case{"ProxyNeighbour",
             [](Snapshot& s) {
               own(s).neighbours[0].state = 0;
               own(s).neighbours[0].flags = 0x08;
             },
             {"new neighbour on the node: 10.200.1.1 dev veth1 lladdr 02:00:00:00:00:02 proxy NONE"}},
        Case{"NewQdisc", [](Snapshot& s) { own(s).qdiscs = samples::snapshot().namespaces[1].qdiscs; },
             {"new qdisc on the node: tbf 1: dev veth2 parent ffff:ffff"}},
        Case{"NewNftTable", [](Snapshot& s) { own(s).nft_tables = {filter("ip filter")}; },
             {"new nft table on the node: ip filter"}},
        Case{"NewNextHop", [](Snapshot& s) { inside(s).further = samples::snapshot().namespaces[1].further; },
             {"new next hop in netns1: id 5: blackhole proto 3"}},
        Case{"LinkSettings",
             [](Snapshot& s) {
               own(s).links[0].settings = {{"txqueuelen", 5}};
               own(s).links[0].switched_off = {"rx-gro"};
             },
             {"link veth1 on the node changed: txqueuelen none, switched off none, now txqueuelen 5, switched off "
              "rx-gro"}},
        Case{"NewSocket", [](Snapshot& s) { inside(s).sockets = samples::snapshot().namespaces[1].sockets; },
             {"new socket in netns1: tcp [fd00::1]:80"}},
        Case{"Sysctl", [](Snapshot& s) { own(s).sysctls["net.ipv4.ip_forward"] = "1"; },
             {"sysctl net.ipv4.ip_forward on the node changed: 0, now 1"}},
        Case{"SysctlOfOneSide", [](Snapshot& s) { own(s).sysctls["net.ipv4.conf.veth1.rp_filter"] = "1"; }, {}},
        Case{"SysctlOfOneSideAsked", [](Snapshot& s) { own(s).sysctls["net.ipv4.conf.veth1.rp_filter"] = "1"; },
             {"new sysctl on the node: net.ipv4.conf.veth1.rp_filter = 1"},
             with([](DiffOptions& o) { o.sysctls_of_one_side = true; })},
        Case{"NamespaceGone",
             [](Snapshot& s) {
               s.entries.clear();
               s.namespaces.pop_back();
               s.processes.clear();
               own(s).links.clear();
               own(s).routes.clear();
             },
             {"namespace gone from the node: netns1 (inode 200)",
              "link gone from the node: 5: veth1 veth <UP,BROADCAST,RUNNING,MULTICAST,LOWER_UP> mtu 1500 state UP carrier mac "
              "02:00:00:00:00:01 peer 4 netnsid 0",
              "route gone from the node: 10.200.1.1 dev veth1 proto boot scope link",
              "process gone from netns1: 42 'sleep 1000' in network namespace 200"}},
        Case{"NamespaceReplaced",
             [](Snapshot& s) {
               s.entries[0].inode = 300;
               inside(s).inode = 300;
               own(s).netnsids = {{0, 300}};
               s.processes[0].network_namespace_inode = 300;
             },
             {"namespace netns1 on the node changed: netns1 (inode 200), now netns1 (inode 300)",
              "process 42 'sleep 1000' in netns1 changed: 42 'sleep 1000' in network namespace 200, now 42 'sleep 1000' in network "
              "namespace 300"}},
        Case{"NamespaceReplacedNotAsked",
             [](Snapshot& s) {
               s.entries[0].inode = 300;
               inside(s).inode = 300;
               own(s).netnsids = {{0, 300}};
               s.processes.clear();
             },
             {"process gone from netns1: 42 'sleep 1000' in network namespace 200"},
             with([](DiffOptions& o) { o.namespace_identity = false; })},
        Case{"PlainFileLeftBehind",
             [](Snapshot& s) {
               NamespaceEntry entry;
               entry.name = "netns9";
               s.entries.push_back(entry);
             },
             {"new namespace on the node: netns9 (a plain file, not a mount of a namespace)"}},
        Case{"NamespaceWithContents",
             [](Snapshot& s) {
               NamespaceState state;
               state.name = "netns2";
               state.nft_tables = {filter("ip nat")};
               s.namespaces.push_back(state);
             },
             {"new namespace on the node: netns2", "new nft table in netns2: ip nat"},
             with([](DiffOptions& o) { o.contents_of_whole_namespaces = true; })},
        Case{"NamespaceWithoutContents",
             [](Snapshot& s) {
               NamespaceState state;
               state.name = "netns2";
               state.nft_tables = {filter("ip nat")};
               s.namespaces.push_back(state);
             },
             {"new namespace on the node: netns2"}},
        Case{"NewProcess",
             [](Snapshot& s) {
               ProcessState process;
               process.pid = 77;
               process.command = "dnsmasq";
               process.network_namespace_inode = 100;
               s.processes.push_back(process);
             },
             {"new process on the node: 77 'dnsmasq' in network namespace 100"}},
        Case{"NewFile", [](Snapshot& s) { s.files.push_back("/etc/netns/x\n"); },
             {"new file on the node: /etc/netns/x\\x0A"}},
        Case{"NewMount", [](Snapshot& s) { s.mounts.push_back("tmpfs is mounted on /mnt (rw)"); },
             {"new mount on the node: tmpfs is mounted on /mnt (rw)"}},
        Case{"HostName", [](Snapshot& s) { s.host_name = "another"; },
             {"host name another on the node changed: node-1, now another"}},
        Case{"HostNameNobodyAskedFor", [](Snapshot& s) { s.host_name = ""; }, {}},
        Case{"OtherOrder",
             [](Snapshot& s) {
               std::swap(s.namespaces[0], s.namespaces[1]);
               s.namespaces[0].links.push_back(s.namespaces[0].links[0]);
               s.namespaces[0].links.erase(s.namespaces[0].links.begin());
             },
             {}}),
    [](const ::testing::TestParamInfo<Case>& row) { return row.param.name; });

TEST(SnapshotDiffLifetimes, CountingDownIsNoChangeUnlessAsked) {
  Snapshot before = part_one();
  inside(before).addresses[0].valid_lifetime = 60;
  Snapshot after = before;
  inside(after).addresses[0].valid_lifetime = 59;
  EXPECT_THAT(diff(before, after), ::testing::IsEmpty());
  EXPECT_EQ(lines(diff(before, after, with([](DiffOptions& o) { o.counting_lifetimes = true; }))),
            std::vector<std::string>{"address 10.200.1.1/32 on veth2 in netns1 changed: valid 60 s, now valid 59 s"});
}
TEST(NamespaceDiff, ComparesWithAPristineOne) {
  const Snapshot snapshot = part_one();
  EXPECT_EQ(diff(NamespaceState(), snapshot.namespaces[1]).size(), 2U);
  EXPECT_THAT(diff(snapshot.namespaces[1], snapshot.namespaces[1]), ::testing::IsEmpty());
}
TEST(FindingText, NothingChangedIsSaid) { EXPECT_EQ(to_lines({}), "nothing changed\n"); }

}  // namespace
}  // namespace netns_lab
