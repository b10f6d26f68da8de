#include "suites/multi-node/scenario.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "suites/common/forwarding.h"
#include "suites/common/parameters.h"
#include "suites/multi-node/requirements.h"

namespace netns_lab::multi_node {
namespace {

Result<IpAddress> node_address(const Parameters& parameters, Family family, const Side& side) {
  return suites::unicast_address(parameters, side.names.node, family,
                                 family == Family::kIpv4 ? "10.0.0.10" : "2001:db8:0:1::10");
}

// The network of one node, with its router's part.
Result<Topology> lay_out(const Parameters& parameters, Family family, const Side& own, const Side& other) {
  NETNS_LAB_ASSIGN(const Surroundings around, surroundings(parameters, family, own, other));
  NETNS_LAB_ASSIGN(Topology topology, bridge::lay_out(parameters, family, own.names));
  Route way_over;
  way_over.destination = around.to_subnet;
  NextHop hop;
  hop.link = kUplink;
  hop.gateway = around.to_node;
  way_over.hops = {hop};
  add_routing(topology, family, way_over);
  return topology;
}

}  // namespace

const std::array<Side, 2>& sides_of(Family family) {
  static constexpr std::array<Side, 2> kIpv4 = {
      {{{"NODE_IP", "BRIDGE_IP", {"IP1", "IP2"}, "172.16.0.2"}, "BRIDGE_SUBNET", "172.16.0.0/24"},
       {{"TO_NODE_IP", "TO_BRIDGE_IP", {"TO_IP1", "TO_IP2"}, "172.16.1.2"}, "TO_BRIDGE_SUBNET", "172.16.1.0/24"}}};
  static constexpr std::array<Side, 2> kIpv6 = {
      {{{"NODE_IP6", "BRIDGE_IP6", {"IP1_6", "IP2_6"}, "fd00:172:16::2"}, "BRIDGE_SUBNET6", "fd00:172:16::/64"},
       {{"TO_NODE_IP6", "TO_BRIDGE_IP6", {"TO_IP1_6", "TO_IP2_6"}, "fd00:172:16:1::2"},
        "TO_BRIDGE_SUBNET6",
        "fd00:172:16:1::/64"}}};
  return family == Family::kIpv4 ? kIpv4 : kIpv6;
}

Result<Surroundings> surroundings(const Parameters& parameters, Family family, const Side& own, const Side& other) {
  NETNS_LAB_ASSIGN(const IpAddress node, node_address(parameters, family, own));
  NETNS_LAB_ASSIGN(const IpAddress to_node, node_address(parameters, family, other));
  const std::uint8_t length = bridge::prefix_length(family);
  NETNS_LAB_ASSIGN(const Prefix subnet, suites::subnet(parameters, own.subnet, family, length, own.subnet_example));
  NETNS_LAB_ASSIGN(const Prefix to_subnet,
                   suites::subnet(parameters, other.subnet, family, length, other.subnet_example));
  NETNS_LAB_ASSIGN(const IpAddress bridge,
                   suites::unicast_address(parameters, own.names.bridge, family, own.names.example));
  if (!subnet.contains(bridge)) {
    return tl::unexpected(Error::invalid(suites::parameter_text(own.names.bridge, bridge.to_string()),
                                         fmt::format("it is not in {}={}", own.subnet, subnet.to_string()),
                                         "give the bridge an address of its subnet"));
  }
  if (subnet == to_subnet) {
    return tl::unexpected(Error::invalid(suites::parameter_text(other.subnet, to_subnet.to_string()),
                                         fmt::format("it is {} as well", own.subnet),
                                         "give the containers of the two nodes a subnet each"));
  }
  if (node == to_node || subnet.contains(to_node)) {
    return tl::unexpected(Error::invalid(suites::parameter_text(other.names.node, to_node.to_string()),
                                         node == to_node
                                             ? fmt::format("it is {} as well", own.names.node)
                                             : fmt::format("it is in {}={}", own.subnet, subnet.to_string()),
                                         "give the other node's address on the segment"));
  }
  return Surroundings{.node = node, .to_node = to_node, .subnet = subnet, .to_subnet = to_subnet};
}

void add_routing(Topology& topology, Family family, const Route& way_over) {
  topology.build.emplace_back(AddRoute{"", way_over});
  topology.tear_down.emplace_back(DeleteRoute{"", way_over});
  suites::add_forwarding(topology, family);
}

Scenario scenario() {
  Scenario scenario;
  scenario.name = "multi-node";
  scenario.title = "Part 3: two nodes on one segment route between their containers";
  scenario.parameters = {
      {"CON1", "netns1", "name of the first container's network namespace, on each node"},
      {"CON2", "netns2", "name of the second one's"},
      {"NODE_IP", "10.0.0.10", "node-1's IPv4 address on the segment"},
      {"BRIDGE_SUBNET", "172.16.0.0/24", "the subnet of node-1's containers"},
      {"BRIDGE_IP", "172.16.0.1", "node-1's bridge's IPv4 address"},
      {"IP1", "172.16.0.2", "node-1's first container's IPv4 address"},
      {"IP2", "172.16.0.3", "node-1's second one's"},
      {"TO_NODE_IP", "10.0.0.20", "node-2's IPv4 address on the segment"},
      {"TO_BRIDGE_SUBNET", "172.16.1.0/24", "the subnet of node-2's containers"},
      {"TO_BRIDGE_IP", "172.16.1.1", "node-2's bridge's IPv4 address"},
      {"TO_IP1", "172.16.1.2", "node-2's first container's IPv4 address"},
      {"TO_IP2", "172.16.1.3", "node-2's second one's"},
      {"NODE_IP6", "2001:db8:0:1::10", "the same in IPv6 (IPv6 variant, target native)"},
      {"BRIDGE_SUBNET6", "fd00:172:16::/64", "the same in IPv6"},
      {"BRIDGE_IP6", "fd00:172:16::1", "the same in IPv6"},
      {"IP1_6", "fd00:172:16::2", "the same in IPv6"},
      {"IP2_6", "fd00:172:16::3", "the same in IPv6"},
      {"TO_NODE_IP6", "2001:db8:0:1::20", "the same in IPv6"},
      {"TO_BRIDGE_SUBNET6", "fd00:172:16:1::/64", "the same in IPv6"},
      {"TO_BRIDGE_IP6", "fd00:172:16:1::1", "the same in IPv6"},
      {"TO_IP1_6", "fd00:172:16:1::2", "the same in IPv6"},
      {"TO_IP2_6", "fd00:172:16:1::3", "the same in IPv6"},
  };
  for (Parameter& parameter : suites::mtu_parameters()) scenario.parameters.push_back(std::move(parameter));
  scenario.families = {Family::kIpv4, Family::kIpv6};
  scenario.requirements = requirements();
  scenario.tests_run_commands = false;
  scenario.topology = [](const Parameters& parameters, Family family) {
    const auto& [one, two] = sides_of(family);
    return lay_out(parameters, family, one, two);
  };
  scenario.further_nodes = {[](const Parameters& parameters, Family family) {
    const auto& [one, two] = sides_of(family);
    return lay_out(parameters, family, two, one);
  }};
  scenario.kernel_options = {"CONFIG_BRIDGE"};
  return scenario;
}

}  // namespace netns_lab::multi_node
