#include "suites/bridge/scenario.h"

#include <fmt/format.h>

#include <optional>

#include "suites/bridge/requirements.h"
#include "suites/common/parameters.h"

namespace netns_lab::bridge {
namespace {

constexpr std::uint32_t kIpv6KernelMetric = 256;  // IP6_RT_PRIO_ADDRCONF, net/ipv6/addrconf.c

struct Addresses {
  std::optional<IpAddress> node;
  IpAddress bridge;
  std::array<IpAddress, 2> containers;
};

Error refused(const std::string& parameter, const IpAddress& address, const std::string& why) {
  return Error::invalid(suites::parameter_text(parameter, address.to_string()), why,
                        "give two addresses of the bridge's subnet, and another one to the bridge");
}

bool is_broadcast_of(const Prefix& subnet, const IpAddress& address) {
  if (!address.is_v4()) return false;
  return subnet.length == 24 && address.bytes()[3] == 0xff;
}

// Each an address of its own, all in the bridge's subnet.
Result<void> check_subnet(const Addresses& addresses, const Names& names, const Prefix& subnet) {
  const auto check = [&](const std::string& parameter, const IpAddress& address) -> Result<void> {
    if (!subnet.contains(address)) {
      return tl::unexpected(
          refused(parameter, address,
                  fmt::format("it is not in the bridge's subnet {} ({}={})", subnet.network().to_string(), names.bridge,
                              addresses.bridge.to_string())));
    }
    if (address == subnet.network().address) {
      return tl::unexpected(
          refused(parameter, address,
                  fmt::format("it is the address of the subnet {} itself (RFC 1122, 3.2.1.3; RFC 4291, 2.6.1)",
                              subnet.network().to_string())));
    }
    if (is_broadcast_of(subnet, address)) {
      return tl::unexpected(
          refused(parameter, address, "it is the subnet's broadcast address (RFC 919, 7; RFC 1122, 3.2.1.3)"));
    }
    return {};
  };
  NETNS_LAB_TRY(check(names.bridge, addresses.bridge));
  for (std::size_t i = 0; i < addresses.containers.size(); ++i) {
    NETNS_LAB_TRY(check(names.containers.at(i), addresses.containers.at(i)));
    if (addresses.containers.at(i) == addresses.bridge) {
      return tl::unexpected(refused(names.containers.at(i), addresses.bridge, "it is the bridge's address"));
    }
  }
  if (addresses.containers[0] == addresses.containers[1]) {
    return tl::unexpected(refused(names.containers[1], addresses.containers[1], "it is the other container's address"));
  }
  if (addresses.node && subnet.contains(*addresses.node)) {
    return tl::unexpected(refused(names.node, *addresses.node, "the node's uplink cannot be in the bridge's subnet"));
  }
  return {};
}

Result<Addresses> addresses_of(const Parameters& parameters, Family family, const Names& names) {
  Addresses addresses;
  NETNS_LAB_ASSIGN(const std::string node, suites::parameter_value(parameters, names.node));
  if (!node.empty()) {
    NETNS_LAB_ASSIGN(addresses.node, suites::unicast_address(parameters, names.node, family, "192.0.2.2"));
  }
  NETNS_LAB_ASSIGN(addresses.bridge, suites::unicast_address(parameters, names.bridge, family, names.example));
  for (std::size_t i = 0; i < addresses.containers.size(); ++i) {
    NETNS_LAB_ASSIGN(addresses.containers.at(i),
                     suites::unicast_address(parameters, names.containers.at(i), family, names.example));
  }
  NETNS_LAB_TRY(check_subnet(addresses, names, Prefix{addresses.bridge, prefix_length(family)}));
  return addresses;
}

Result<std::array<std::string, 2>> namespace_names(const Parameters& parameters) {
  std::array<std::string, 2> names;
  NETNS_LAB_ASSIGN(names[0], suites::namespace_name(parameters, "CON1"));
  NETNS_LAB_ASSIGN(names[1], suites::namespace_name(parameters, "CON2"));
  if (names[0] == names[1]) {
    return tl::unexpected(Error::invalid(suites::parameter_text("CON2", names[1]), "it is the name of CON1 as well",
                                         "give the two containers a name each"));
  }
  return names;
}

SetLink raised(const std::string& network_namespace, const std::string& name) {
  SetLink change;
  change.network_namespace = network_namespace;
  change.name = name;
  change.up = true;
  return change;
}

AddAddress address_on(const std::string& network_namespace, const std::string& link, const Prefix& prefix) {
  AddAddress change;
  change.network_namespace = network_namespace;
  change.link = link;
  change.prefix = prefix;
  return change;
}

}  // namespace

const Names& names_of(Family family) {
  static constexpr Names kIpv4 = {"NODE_IP", "BRIDGE_IP", {"IP1", "IP2"}, "172.16.0.2"};
  static constexpr Names kIpv6 = {"NODE_IP6", "BRIDGE_IP6", {"IP1_6", "IP2_6"}, "fd00:172:16::2"};
  return family == Family::kIpv4 ? kIpv4 : kIpv6;
}

Result<Topology> lay_out(const Parameters& parameters, Family family, const Names& names) {
  NETNS_LAB_ASSIGN(const auto containers, namespace_names(parameters));
  NETNS_LAB_ASSIGN(const Addresses addresses, addresses_of(parameters, family, names));
  NETNS_LAB_ASSIGN(const std::uint32_t mtu, suites::link_mtu(parameters, family));
  const std::uint8_t length = prefix_length(family);

  Topology topology;
  topology.namespaces = {containers[0], containers[1]};
  topology.links = {kBridge, kPairs[0].port, kPairs[1].port};
  topology.node_address = addresses.node;
  topology.build = {CreateNamespace{containers[0]}, CreateNamespace{containers[1]}, CreateLink{"", kBridge, "bridge"}};
  for (std::size_t i = 0; i < kPairs.size(); ++i) {
    CreateVeth pair;
    pair.name = kPairs.at(i).port;
    pair.peer_namespace = containers.at(i);
    pair.peer_name = kPairs.at(i).inner;
    pair.master = kBridge;  // which takes the least MTU of its ports (br_mtu_auto_adjust, net/bridge/br_if.c)
    if (mtu != suites::kEthernetMtu) pair.mtu = mtu;
    topology.build.emplace_back(pair);
  }
  // After its ports: from them it has its MAC address, and from that its link-local one.
  topology.build.emplace_back(address_on("", kBridge, Prefix{addresses.bridge, length}));
  topology.build.emplace_back(raised("", kBridge));
  for (std::size_t i = 0; i < kPairs.size(); ++i) {
    const Prefix own{addresses.containers.at(i), length};
    Attachment attachment;
    attachment.network_namespace = containers.at(i);
    attachment.host_link = kPairs.at(i).port;
    attachment.container_link = kPairs.at(i).inner;
    attachment.addresses = {own};
    attachment.gateway = addresses.bridge;
    topology.attachments.push_back(attachment);

    Route way_out;
    way_out.destination = Prefix::default_route(family);
    NextHop hop;
    hop.link = kPairs.at(i).inner;
    hop.gateway = addresses.bridge;
    way_out.hops = {hop};
    topology.build.emplace_back(raised(containers.at(i), "lo"));
    topology.build.emplace_back(address_on(containers.at(i), kPairs.at(i).inner, own));
    topology.build.emplace_back(raised(containers.at(i), kPairs.at(i).inner));
    topology.build.emplace_back(AddRoute{containers.at(i), way_out});
  }
  // Last, as the tutorial does it: a bridge that is raised with a port that could forward has its operstate told by a
  // worker that takes up to a second (linkwatch_urgent_event, net/core/link_watch.c: its queue is not attached yet).
  for (const Pair& pair : kPairs) topology.build.emplace_back(raised("", pair.port));
  // The pairs go with their namespaces, some time later; the bridge goes at once.
  topology.tear_down = {DeleteNamespace{containers[0]}, DeleteNamespace{containers[1]}, DeleteLink{"", kBridge}};
  return topology;
}

std::uint8_t prefix_length(Family family) { return family == Family::kIpv4 ? 24 : 64; }

Route connected_route(const Prefix& own, const std::string& link) {
  Route route;
  route.destination = own.network();
  const bool v4 = own.address.is_v4();
  route.scope = v4 ? Scope::kLink : Scope::kGlobal;  // IPv6 routes have no scope of their own
  if (v4) route.preferred_source = own.address;
  if (!v4) route.metric = kIpv6KernelMetric;
  NextHop hop;
  hop.link = link;
  route.hops = {hop};
  return route;
}

Scenario scenario() {
  Scenario scenario;
  scenario.name = "bridge";
  scenario.title = "Part 2: two namespaces on a bridge of their node";
  scenario.parameters = {
      {"CON1", "netns1", "name of the first container's network namespace"},
      {"CON2", "netns2", "name of the second one's"},
      {"NODE_IP", "", "the node's IPv4 address on its uplink; found out where none is given"},
      {"BRIDGE_IP", "172.16.0.1", "the bridge's IPv4 address; its /24 is the containers' subnet"},
      {"IP1", "172.16.0.2", "the first container's IPv4 address"},
      {"IP2", "172.16.0.3", "the second one's"},
      {"NODE_IP6", "", "the node's IPv6 address (IPv6 variant, target native)"},
      {"BRIDGE_IP6", "fd00:172:16::1", "the bridge's IPv6 address; its /64 is the containers' subnet"},
      {"IP1_6", "fd00:172:16::2", "the first container's IPv6 address"},
      {"IP2_6", "fd00:172:16::3", "the second one's"},
  };
  for (Parameter& parameter : suites::mtu_parameters()) scenario.parameters.push_back(std::move(parameter));
  scenario.families = {Family::kIpv4, Family::kIpv6};
  scenario.requirements = requirements();
  scenario.tests_run_commands = false;
  scenario.topology = [](const Parameters& parameters, Family family) {
    return lay_out(parameters, family, names_of(family));
  };
  scenario.kernel_options = {"CONFIG_BRIDGE"};
  return scenario;
}

}  // namespace netns_lab::bridge
