// For unit tests: the node before part 1 of the tutorial, and after a right build of it, as an agent would tell.
#pragma once

#include <linux/if.h>
#include <linux/if_addr.h>

#include <string>
#include <vector>

#include "harness/conformance/kernel_made.h"
#include "harness/model/scenario.h"
#include "harness/model/snapshot.h"

namespace netns_lab::test_world {

inline constexpr auto kContainer = "netns1";

inline IpAddress ip(const std::string& text) { return IpAddress::parse(text).value(); }
inline Prefix prefix(const std::string& text) { return Prefix::parse(text).value(); }

inline Link link(std::uint32_t index, const std::string& name, const std::string& kind, const std::string& mac) {
  Link link;
  link.index = index;
  link.name = name;
  link.kind = kind;
  link.mac = MacAddress::parse(mac).value();
  link.mtu = 1500;
  link.flags = IFF_BROADCAST | IFF_MULTICAST | IFF_UP | IFF_RUNNING | 0x10000;
  link.operstate = OperState::kUp;
  link.carrier = true;
  if (kind == "veth") link.switched_off = {"rx-gro"};
  return link;
}

inline Link loopback(bool up) {
  Link lo = link(1, "lo", "", "00:00:00:00:00:00");
  lo.mtu = 65536;
  lo.flags = up ? IFF_LOOPBACK | IFF_UP | IFF_RUNNING | 0x10000U : static_cast<std::uint32_t>(IFF_LOOPBACK);
  lo.operstate = up ? OperState::kUnknown : OperState::kDown;
  lo.carrier = up;
  return lo;
}

inline InterfaceAddress address(const Link& link, const std::string& text, Scope scope = Scope::kGlobal) {
  InterfaceAddress address;
  address.link_index = link.index;
  address.link = link.name;
  address.prefix = prefix(text);
  address.scope = scope;
  address.flags = IFA_F_PERMANENT;
  return address;
}

inline Route route(const std::string& destination, const std::string& link, Scope scope = Scope::kLink) {
  Route route;
  route.destination = prefix(destination);
  route.scope = scope;
  NextHop hop;
  hop.link = link;
  route.hops = {hop};
  return route;
}

inline Route kernel_route(const std::string& destination, const std::string& link, RouteType type,
                          std::uint32_t table) {
  Route made = route(destination, link, Scope::kHost);
  made.type = type;
  made.table = table;
  made.protocol = kKernelProtocol;
  return made;
}

inline void add_loopback_addresses(NamespaceState& state) {
  state.addresses.push_back(address(state.links.front(), "127.0.0.1/8", Scope::kHost));
  state.addresses.push_back(address(state.links.front(), "::1/128", Scope::kHost));
  state.routes.push_back(kernel_route("127.0.0.0/8", "lo", RouteType::kLocal, kLocalTable));
  state.routes.push_back(kernel_route("127.0.0.1/32", "lo", RouteType::kLocal, kLocalTable));
  state.routes.push_back(kernel_route("127.255.255.255/32", "lo", RouteType::kBroadcast, kLocalTable));
  state.routes.push_back(kernel_route("::1/128", "lo", RouteType::kLocal, kLocalTable));
}

// The link-local address of a link and the routes that follow from it.
inline void add_link_local(NamespaceState& state, const Link& of) {
  const IpAddress own = link_local_of(of.mac);
  state.addresses.push_back(address(of, own.to_string() + "/64", Scope::kLink));
  state.routes.push_back(kernel_route("fe80::/64", of.name, RouteType::kUnicast, kMainTable));
  state.routes.push_back(kernel_route(own.to_string() + "/128", of.name, RouteType::kLocal, kLocalTable));
  state.routes.push_back(kernel_route("ff00::/8", of.name, RouteType::kMulticast, kLocalTable));
}

inline PacketFilter filter(const std::string& name, const std::string& holds, const std::string& contents) {
  PacketFilter filter;
  filter.name = name;
  filter.holds = holds;
  filter.is_idle = holds.empty();
  filter.contents = contents;
  return filter;
}

inline std::vector<RoutingRule> usual_rules() {
  std::vector<RoutingRule> rules(3);
  rules[0].table = kLocalTable;
  rules[1].priority = 32766;
  rules[1].table = kMainTable;
  rules[2].priority = 32767;
  rules[2].table = 253;
  return rules;
}

inline Snapshot before() {
  NamespaceState node;
  node.inode = 100;
  node.links = {loopback(true), link(2, "eth0", "veth", "02:00:00:00:00:02")};
  add_loopback_addresses(node);
  node.addresses.push_back(address(node.links[1], "10.0.0.2/24"));
  node.routes.push_back(kernel_route("10.0.0.0/24", "eth0", RouteType::kUnicast, kMainTable));
  node.routes.push_back(kernel_route("10.0.0.2/32", "eth0", RouteType::kLocal, kLocalTable));
  node.rules = usual_rules();
  node.sysctls = {
      {"net.ipv4.ip_forward", "0"}, {"net.ipv4.conf.default.rp_filter", "0"}, {"net.ipv4.conf.eth0.rp_filter", "2"}};
  node.nft_tables = {filter("inet firewall", "1 chain, 1 rule", "1")};
  Snapshot snapshot;
  snapshot.namespaces = {node};
  ProcessState shell;
  shell.pid = 7;
  shell.command = "sleep 1";
  snapshot.processes = {shell};
  snapshot.files = {"/etc/hostname"};
  snapshot.mounts = {"tmpfs is mounted on /srv (rw)"};
  snapshot.host_name = "node-1";
  snapshot.domain_name = "(none)";
  return snapshot;
}

inline Snapshot after() {
  Snapshot snapshot = before();
  NamespaceState& node = snapshot.namespaces.front();
  Link veth1 = link(3, "veth1", "veth", "02:00:00:00:00:03");
  Link veth2 = link(2, "veth2", "veth", "02:00:00:00:00:04");
  veth1.peer_index = veth2.index;
  veth1.peer_netnsid = 0;
  veth2.peer_index = veth1.index;
  veth2.peer_netnsid = 0;
  node.links.push_back(veth1);
  add_link_local(node, veth1);
  node.routes.push_back(route("10.200.1.1/32", "veth1"));
  node.sysctls["net.ipv4.conf.veth1.rp_filter"] = "0";
  node.netnsids = {{0, 200}};

  NamespaceState pristine;
  pristine.inode = 300;
  pristine.links = {loopback(false)};
  Link fresh = link(9, "new-veth", "veth", "02:00:00:00:00:09");
  fresh.settings = {{"gso_max_size", 65536}, {"numtxqueues", 2}, {"txqueuelen", 1000}};
  fresh.switched_off = {"rx-gro"};
  pristine.new_links = {fresh};
  pristine.further = {{"IPv6 address label", "of fc00::/7", "5"}};
  pristine.rules = usual_rules();
  pristine.sysctls = {{"net.ipv4.ip_forward", "0"}, {"net.ipv4.conf.default.rp_filter", "0"}};

  NamespaceState container = pristine;
  container.name = kContainer;
  container.inode = 200;
  container.links = {loopback(true), veth2};
  add_loopback_addresses(container);
  add_link_local(container, veth2);
  container.addresses.push_back(address(veth2, "10.200.1.1/32"));
  container.routes.push_back(kernel_route("10.200.1.1/32", "veth2", RouteType::kLocal, kLocalTable));
  Route way_out = route("0.0.0.0/0", "veth2", Scope::kGlobal);
  way_out.hops.front().gateway = ip("10.200.1.1");
  container.routes.push_back(way_out);
  container.sysctls["net.ipv4.conf.veth2.rp_filter"] = "0";

  snapshot.namespaces.push_back(container);
  snapshot.pristine = pristine;
  NamespaceEntry entry;
  entry.name = kContainer;
  entry.is_nsfs_mount = true;
  entry.is_network = true;
  entry.inode = 200;
  entry.mounts = 1;
  snapshot.entries = {entry};
  snapshot.files.push_back("/run/netns/netns1");
  return snapshot;
}

inline Topology topology() {
  Topology topology;
  topology.namespaces = {kContainer};
  topology.links = {"veth1"};
  CreateVeth pair;
  pair.name = "veth1";
  pair.peer_namespace = kContainer;
  pair.peer_name = "veth2";
  AddAddress own;
  own.network_namespace = kContainer;
  own.link = "veth2";
  own.prefix = prefix("10.200.1.1/32");
  Route way_out = route("0.0.0.0/0", "veth2", Scope::kGlobal);
  way_out.hops.front().gateway = ip("10.200.1.1");
  topology.build = {CreateNamespace{kContainer}, pair, own, AddRoute{"", route("10.200.1.1/32", "veth1")},
                    AddRoute{kContainer, way_out}};
  return topology;
}

inline NamespaceState& node_of(Snapshot& snapshot) { return snapshot.namespaces.front(); }
inline NamespaceState& container_of(Snapshot& snapshot) { return snapshot.namespaces.at(1); }

}  // namespace netns_lab::test_world
