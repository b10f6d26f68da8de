#include "suites/overlay/scenario.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "suites/common/parameters.h"
#include "suites/overlay/requirements.h"

namespace netns_lab::overlay {
namespace {

using multi_node::kUplink;
using multi_node::Side;

constexpr std::uint32_t kUplinkMtu = 1500;
constexpr std::uint32_t kMostVni = (1U << 24) - 1;  // RFC 7348, 5
constexpr const char* kVxlanPort = "4789";          // RFC 7348, 5; IANA
constexpr const char* kTunPort = "9000";

struct TunnelNames {
  const char* address;
  const char* example;
  const char* mac;
};
const std::array<TunnelNames, 2>& tunnel_names(Family family) {
  static constexpr std::array<TunnelNames, 2> kIpv4 = {
      {{"TUNNEL_IP", "172.16.255.1", "TUNNEL_MAC"}, {"TO_TUNNEL_IP", "172.16.255.2", "TO_TUNNEL_MAC"}}};
  static constexpr std::array<TunnelNames, 2> kIpv6 = {
      {{"TUNNEL_IP6", "fd00:172:16:ff::1", "TUNNEL_MAC"}, {"TO_TUNNEL_IP6", "fd00:172:16:ff::2", "TO_TUNNEL_MAC"}}};
  return family == Family::kIpv4 ? kIpv4 : kIpv6;
}

Result<std::uint32_t> number(const Parameters& parameters, const std::string& name, std::uint32_t least,
                             std::uint32_t most, const char* when_empty, const char* what) {
  NETNS_LAB_ASSIGN(std::string text, suites::parameter_value(parameters, name));
  if (text.empty()) text = when_empty;
  std::uint32_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = problem == std::errc() && end == text.data() + text.size();
  if (is_number && value >= least && value <= most) return value;
  return tl::unexpected(Error::invalid(suites::parameter_text(name, text), fmt::format("is no {}", what),
                                       fmt::format("give a number from {} to {}", least, most)));
}

// Of two words the first, or not.
Result<bool> is_first(const Parameters& parameters, const std::string& name, const std::string& first,
                      const std::string& second) {
  NETNS_LAB_ASSIGN(const std::string text, suites::parameter_value(parameters, name));
  if (text == first || text == second) return text == first;
  return tl::unexpected(Error::invalid(suites::parameter_text(name, text), "is neither of the two",
                                       fmt::format("give {} or {}", first, second)));
}

Result<MacAddress> unicast_mac(const Parameters& parameters, const std::string& name) {
  NETNS_LAB_ASSIGN(const std::string text, suites::parameter_value(parameters, name));
  const auto mac = MacAddress::parse(text);
  if (mac && !mac->is_zero() && (mac->bytes()[0] & 1) == 0) return *mac;
  return tl::unexpected(Error::invalid(suites::parameter_text(name, text), "is no MAC address that a link can have",
                                       "give one such as 02:00:ac:10:ff:01"));
}

// Of more than two addresses the first and, in IPv4, the last (RFC 1122, 3.2.1.3; RFC 4291, 2.6.1).
bool is_nobodys(const Prefix& own) {
  const unsigned hosts_bits = own.address.bits() - own.length;
  if (hosts_bits < 2) return false;
  if (own.address == own.network().address) return true;
  const auto bytes = own.address.bytes();
  for (unsigned bit = 0; bit < hosts_bits; ++bit) {
    if ((bytes[bytes.size() - 1 - bit / 8] >> (bit % 8) & 1) == 0) return false;
  }
  return own.address.is_v4();
}

CreateVxlan vxlan_link(const Tunnel& tunnel, const multi_node::Surroundings& around) {
  CreateVxlan link;
  link.name = kVxlanLink;
  link.vni = tunnel.vni;
  link.port = tunnel.port;
  link.local = around.node;
  if (tunnel.learns) link.remote = around.to_node;
  link.link = kUplink;
  link.learning = tunnel.learns;
  link.mtu = tunnel.mtu;
  link.mac = tunnel.mac;
  return link;
}

void add_tunnel(Topology& topology, const Tunnel& tunnel, const multi_node::Surroundings& around) {
  topology.links.emplace_back(tunnel.link());
  if (tunnel.is_vxlan) {
    topology.build.emplace_back(vxlan_link(tunnel, around));
    if (!tunnel.learns) {
      // Questions for a neighbour's address go to all, which is the other end.
      topology.build.emplace_back(AddForwarding{"", kVxlanLink, MacAddress(), around.to_node});
      topology.build.emplace_back(AddForwarding{"", kVxlanLink, tunnel.other_mac, around.to_node});
    }
  } else {
    CreateTunRelay relay;
    relay.name = kTunLink;
    relay.mtu = tunnel.mtu;
    relay.local = around.node;
    relay.remote = around.to_node;
    relay.port = tunnel.port;
    topology.build.emplace_back(relay);
    topology.daemons = {"socat"};
  }
  AddAddress address;
  address.link = tunnel.link();
  address.prefix = tunnel.address;
  topology.build.emplace_back(address);
  SetLink up;
  up.name = tunnel.link();
  up.up = true;
  topology.build.emplace_back(up);
}

Result<Topology> lay_out(const Parameters& parameters, Family family, std::size_t node) {
  const auto& sides = multi_node::sides_of(family);
  const Side& own = sides.at(node);
  const Side& other = sides.at(1 - node);
  NETNS_LAB_ASSIGN(const multi_node::Surroundings around, multi_node::surroundings(parameters, family, own, other));
  NETNS_LAB_ASSIGN(const Tunnel tunnel, tunnel_of(parameters, family, node));
  for (const Prefix& subnet : {around.subnet, around.to_subnet}) {
    if (!tunnel.address.contains(subnet.address) && !subnet.contains(tunnel.address.address)) continue;
    return tl::unexpected(Error::invalid(
        suites::parameter_text(tunnel_names(family).at(node).address, tunnel.address.address.to_string()),
        fmt::format("its subnet {} is the containers'", tunnel.address.network().to_string()),
        "give the tunnel a subnet of its own"));
  }
  NETNS_LAB_ASSIGN(Topology topology, bridge::lay_out(parameters, family, own.names));
  add_tunnel(topology, tunnel, around);
  Route way_over;
  way_over.destination = around.to_subnet;
  NextHop hop;
  hop.link = tunnel.link();
  hop.gateway = tunnel.other;
  way_over.hops = {hop};
  multi_node::add_routing(topology, family, way_over);
  topology.tear_down.emplace_back(DeleteLink{"", tunnel.link()});
  return topology;
}

}  // namespace

std::uint32_t overhead(bool is_vxlan, Family family) {
  constexpr std::uint32_t kUdp = 8, kVxlan = 8, kEthernet = 14;
  const std::uint32_t ip = family == Family::kIpv4 ? 20 : 40;
  return ip + kUdp + (is_vxlan ? kVxlan + kEthernet : 0);
}

Result<Tunnel> tunnel_of(const Parameters& parameters, Family family, std::size_t node) {
  const TunnelNames& own = tunnel_names(family).at(node);
  const TunnelNames& other = tunnel_names(family).at(1 - node);
  Tunnel tunnel;
  NETNS_LAB_ASSIGN(tunnel.is_vxlan, is_first(parameters, "TUNNEL", "vxlan", "tun"));
  NETNS_LAB_ASSIGN(tunnel.learns, is_first(parameters, "FDB", "learning", "static"));
  NETNS_LAB_ASSIGN(tunnel.vni, number(parameters, "VNI", 1, kMostVni, "", "VXLAN network identifier"));
  NETNS_LAB_ASSIGN(const std::uint32_t port,
                   number(parameters, "PORT", 1, 65'535, tunnel.is_vxlan ? kVxlanPort : kTunPort, "UDP port"));
  tunnel.port = static_cast<std::uint16_t>(port);
  tunnel.mtu = kUplinkMtu - overhead(tunnel.is_vxlan, family);
  NETNS_LAB_ASSIGN(tunnel.address.address, suites::unicast_address(parameters, own.address, family, own.example));
  // RFC 3021 and RFC 6164: two addresses are enough for a link of two ends.
  const bool is_v4 = family == Family::kIpv4;
  NETNS_LAB_ASSIGN(const std::uint32_t length,
                   number(parameters, is_v4 ? "TUNNEL_LENGTH" : "TUNNEL_LENGTH6", is_v4 ? 8 : 64, is_v4 ? 31 : 127, "",
                          "prefix length of a subnet of two or more"));
  tunnel.address.length = static_cast<std::uint8_t>(length);
  NETNS_LAB_ASSIGN(tunnel.other, suites::unicast_address(parameters, other.address, family, other.example));
  NETNS_LAB_ASSIGN(tunnel.mac, unicast_mac(parameters, own.mac));
  NETNS_LAB_ASSIGN(tunnel.other_mac, unicast_mac(parameters, other.mac));
  const auto refused = [&](const char* name, const std::string& value, const std::string& why) {
    return tl::unexpected(
        Error::invalid(suites::parameter_text(name, value), why, "give the two ends of the tunnel one each"));
  };
  if (tunnel.other == tunnel.address.address)
    return refused(other.address, tunnel.other.to_string(), fmt::format("it is {} as well", own.address));
  if (!tunnel.address.contains(tunnel.other)) {
    return refused(other.address, tunnel.other.to_string(),
                   fmt::format("it is not in {}, the subnet of {}", tunnel.address.network().to_string(), own.address));
  }
  for (const auto& [name, end] :
       {std::pair(own.address, tunnel.address.address), std::pair(other.address, tunnel.other)}) {
    const Prefix in_subnet{end, tunnel.address.length};
    if (is_nobodys(in_subnet))
      return refused(name, end.to_string(), fmt::format("it is no host's in {}", in_subnet.network().to_string()));
  }
  if (tunnel.mac == tunnel.other_mac)
    return refused(other.mac, tunnel.other_mac.to_string(), fmt::format("it is {} as well", own.mac));
  return tunnel;
}

Scenario scenario() {
  Scenario scenario;
  scenario.name = "overlay";
  scenario.title = "Part 4: two nodes on different segments route between their containers through a tunnel";
  scenario.parameters = {
      {"TUNNEL", "vxlan", "vxlan, or tun: bare IP packets in UDP"},
      {"VNI", "42", "vxlan: the network's identifier"},
      {"PORT", "", "the tunnel's UDP port; 4789 (vxlan) or 9000 (tun) where none is given"},
      {"FDB", "learning", "vxlan: learning, or static: the other end's MAC address is entered"},
      {"CON1", "netns1", "name of the first container's network namespace, on each node"},
      {"CON2", "netns2", "name of the second one's"},
      {"NODE_IP", "10.0.0.10", "node-1's IPv4 address on its segment"},
      {"TUNNEL_IP", "172.16.255.1", "the address of node-1's end of the tunnel"},
      {"TUNNEL_LENGTH", "24", "the prefix length of the tunnel's subnet, 8 to 31 (RFC 3021)"},
      {"TUNNEL_MAC", "02:00:ac:10:ff:01", "vxlan: its MAC address"},
      {"BRIDGE_SUBNET", "172.16.0.0/24", "the subnet of node-1's containers"},
      {"BRIDGE_IP", "172.16.0.1", "node-1's bridge's IPv4 address"},
      {"IP1", "172.16.0.2", "node-1's first container's IPv4 address"},
      {"IP2", "172.16.0.3", "node-1's second one's"},
      {"TO_NODE_IP", "10.0.1.20", "node-2's IPv4 address on its segment"},
      {"TO_TUNNEL_IP", "172.16.255.2", "the address of node-2's end of the tunnel"},
      {"TO_TUNNEL_MAC", "02:00:ac:10:ff:02", "vxlan: its MAC address"},
      {"TO_BRIDGE_SUBNET", "172.16.1.0/24", "the subnet of node-2's containers"},
      {"TO_BRIDGE_IP", "172.16.1.1", "node-2's bridge's IPv4 address"},
      {"TO_IP1", "172.16.1.2", "node-2's first container's IPv4 address"},
      {"TO_IP2", "172.16.1.3", "node-2's second one's"},
      {"NODE_IP6", "2001:db8:0:1::10", "the same in IPv6 (IPv6 variant, target native)"},
      {"TUNNEL_IP6", "fd00:172:16:ff::1", "the same in IPv6"},
      {"TUNNEL_LENGTH6", "64", "the same in IPv6, 64 to 127 (RFC 6164)"},
      {"BRIDGE_SUBNET6", "fd00:172:16::/64", "the same in IPv6"},
      {"BRIDGE_IP6", "fd00:172:16::1", "the same in IPv6"},
      {"IP1_6", "fd00:172:16::2", "the same in IPv6"},
      {"IP2_6", "fd00:172:16::3", "the same in IPv6"},
      {"TO_NODE_IP6", "2001:db8:0:2::20", "the same in IPv6"},
      {"TO_TUNNEL_IP6", "fd00:172:16:ff::2", "the same in IPv6"},
      {"TO_BRIDGE_SUBNET6", "fd00:172:16:1::/64", "the same in IPv6"},
      {"TO_BRIDGE_IP6", "fd00:172:16:1::1", "the same in IPv6"},
      {"TO_IP1_6", "fd00:172:16:1::2", "the same in IPv6"},
      {"TO_IP2_6", "fd00:172:16:1::3", "the same in IPv6"},
  };
  for (Parameter& parameter : suites::mtu_parameters()) scenario.parameters.push_back(std::move(parameter));
  scenario.families = {Family::kIpv4, Family::kIpv6};
  scenario.requirements = requirements();
  scenario.tests_run_commands = false;
  scenario.underlay = Underlay::kRouted;
  scenario.topology = [](const Parameters& parameters, Family family) { return lay_out(parameters, family, 0); };
  scenario.further_nodes = {[](const Parameters& parameters, Family family) { return lay_out(parameters, family, 1); }};
  scenario.kernel_options = {"CONFIG_BRIDGE"};
  return scenario;
}

}  // namespace netns_lab::overlay
