#include "suites/single-namespace/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <climits>
#include <string_view>

#include "harness/base/text.h"
#include "suites/single-namespace/requirements.h"

namespace netns_lab::single_namespace {
namespace {

constexpr auto kNamespaceParameter = "CON";

const char* address_parameter(Family family) { return family == Family::kIpv4 ? "IP" : "IP6"; }

Result<std::string> value_of(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) {
    return tl::unexpected(Error::invalid("parameter " + name, "it has no value", "give --param " + name + "=VALUE"));
  }
  return found->second;
}

// What the cases use for a namespace of their own (fixture.cc): neither name nor address can be the container's.
constexpr auto kThirdSubnet = "198.18.200.0/29", kThirdSubnetIpv6 = "2001:db8:200::/63";
constexpr std::array<std::string_view, 2> kThirdNames = {"netns-lab-third0", "netns-lab-third1"};

// `value` as it can stand in a message of one line.
std::string shown(const std::string& value) {
  std::string line;
  for (const char c : visible(value, 64))
    line += c == '\n' ? std::string("\\n") : c == '\t' ? std::string("\\t") : std::string(1, c);
  return line;
}

// Why the address cannot be a container's; "" when it can.
std::string unfit(const IpAddress& address) {
  if (address.is_unspecified())
    return "is the unspecified address, which no interface can have (RFC 4291, 2.5.2; RFC 1122, 3.2.1.3)";
  if (address.is_loopback())
    return "is a loopback address, which never leaves its namespace (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3)";
  if (address.is_multicast())
    return "is a multicast address, which no interface can have as its own (RFC 1112, 4; RFC 4291, 2.7)";
  if (address.is_limited_broadcast()) return "is the limited broadcast address (RFC 919, 7)";
  if (address.is_link_local()) return "is a link-local address, which is not routed (RFC 3927, 2.7; RFC 4291, 2.5.6)";
  const auto bytes = address.bytes();
  if (address.is_v4() && bytes[0] == 0)
    return "is in 0.0.0.0/8, \"this network\", which is never a destination (RFC 1122, 3.2.1.3)";
  const bool mapped = !address.is_v4() &&
                      std::all_of(bytes.begin(), bytes.begin() + 10, [](auto byte) { return byte == 0; }) &&
                      bytes[10] == 0xff && bytes[11] == 0xff;
  const bool is_the_thirds = Prefix::parse(kThirdSubnet).value().contains(address) ||
                             Prefix::parse(kThirdSubnetIpv6).value().contains(address);
  if (is_the_thirds) return "is in the subnet of the third namespace that judges isolation (docs/scenarios)";
  if (mapped) return "is an IPv4-mapped address, which never appears on a link (RFC 4291, 2.5.5.2)";
  return "";
}

Route host_route(const IpAddress& address) {
  Route route;
  route.destination = Prefix::host(address);
  route.scope = address.is_v4() ? Scope::kLink : Scope::kGlobal;  // IPv6 routes have no scope of their own
  NextHop hop;
  hop.link = kHostLink;
  route.hops = {hop};
  return route;
}

Route default_route(const IpAddress& gateway) {
  Route route;
  route.destination = Prefix::default_route(gateway.family());
  NextHop hop;
  hop.link = kContainerLink;
  hop.gateway = gateway;
  route.hops = {hop};
  return route;
}

Result<Topology> topology(const Parameters& parameters, Family family) {
  NETNS_LAB_ASSIGN(const std::string name, namespace_name(parameters));
  NETNS_LAB_ASSIGN(const IpAddress address, container_address(parameters, family));
  const bool v6 = family == Family::kIpv6;
  IpAddress gateway = address;
  if (v6) {
    NETNS_LAB_ASSIGN(gateway, IpAddress::parse(kHostLinkLocal));
  }

  Topology topology;
  topology.namespaces = {name};
  topology.links = {kHostLink};
  Attachment attachment;
  attachment.network_namespace = name;
  attachment.host_link = kHostLink;
  attachment.container_link = kContainerLink;
  attachment.addresses = {Prefix::host(address)};
  attachment.gateway = gateway;
  topology.attachments = {attachment};

  CreateVeth pair;
  pair.name = kHostLink;
  pair.peer_namespace = name;
  pair.peer_name = kContainerLink;
  pair.up = true;
  SetLink loopback_up;
  loopback_up.network_namespace = name;
  loopback_up.name = "lo";
  loopback_up.up = true;
  SetLink container_up = loopback_up;
  container_up.name = kContainerLink;
  AddAddress container_address;
  container_address.network_namespace = name;
  container_address.link = kContainerLink;
  container_address.prefix = Prefix::host(address);
  topology.build = {CreateNamespace{name}, pair, loopback_up, container_address, container_up};
  if (v6) {
    AddAddress host_address;
    host_address.link = kHostLink;
    host_address.prefix = Prefix{gateway, 64};
    host_address.scope = Scope::kLink;
    topology.build.emplace_back(host_address);
  }
  topology.build.emplace_back(AddRoute{"", host_route(address)});
  topology.build.emplace_back(AddRoute{name, default_route(gateway)});

  // As the tutorial does it: the pair and both routes go with the namespace. The kernel gets to that 30 to 50 ms later,
  // so whoever needs the names again waits for veth1 to go; deleting veth1 here would block as long.
  topology.tear_down = {DeleteNamespace{name}};
  return topology;
}

}  // namespace

Result<std::string> namespace_name(const Parameters& parameters) {
  NETNS_LAB_ASSIGN(const std::string name, value_of(parameters, kNamespaceParameter));
  const auto refused = [&](const std::string& why) {
    return tl::unexpected(
        Error::invalid(fmt::format("parameter CON=\"{}\"", shown(name)), why,
                       "give a name of letters, digits, '.', '_' and '-', as `ip netns add` takes it"));
  };
  if (name.empty()) return refused("a namespace name cannot be empty");
  if (name == "." || name == "..") return refused("it names a folder, not a namespace");
  if (name.find('/') != std::string::npos)
    return refused("a namespace name is one file name in /run/netns and cannot hold '/'");
  if (name.size() > NAME_MAX) {
    return refused(fmt::format("it has {} bytes; a file name has at most {}", name.size(), NAME_MAX));
  }
  if (name == kThirdNames[0] || name == kThirdNames[1])
    return refused("it is the name of a namespace that the judging of isolation makes (docs/scenarios)");
  if (name.front() == '-') return refused("it starts with '-' and would be taken for an option");
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) { return c > 0x20 && c != 0x7f; });
  if (!plain) return refused("it holds a blank or a control character");
  return name;
}

Result<IpAddress> container_address(const Parameters& parameters, Family family) {
  const std::string parameter = address_parameter(family);
  NETNS_LAB_ASSIGN(const std::string text, value_of(parameters, parameter));
  const std::string tried = fmt::format("parameter {}=\"{}\"", parameter, shown(text));
  const std::string remedy = family == Family::kIpv4
                                 ? "give an IPv4 address such as 10.200.1.1, without a prefix length"
                                 : "give an IPv6 address such as fd00:200::1, without a prefix length";
  const auto address = IpAddress::parse(text);
  if (!address) return tl::unexpected(Error::invalid(tried, "is not an IP address", remedy));
  if (address->family() != family) {
    return tl::unexpected(Error::invalid(
        tried, fmt::format("is an {} address; {} takes {}", to_string(address->family()), parameter, to_string(family)),
        remedy));
  }
  if (const std::string why = unfit(*address); !why.empty()) return tl::unexpected(Error::invalid(tried, why, remedy));
  return *address;
}

Scenario scenario() {
  Scenario scenario;
  scenario.name = "single-namespace";
  scenario.title = "Part 1: a namespace joined to its node by a veth pair";
  scenario.parameters = {
      {"CON", "netns1", "name of the container's network namespace"},
      {"IP", "10.200.1.1", "the container's IPv4 address; no subnet of the node may hold it"},
      {"IP6", "fd00:200::1", "the container's IPv6 address (IPv6 variant, target native)"},
  };
  scenario.families = {Family::kIpv4, Family::kIpv6};
  scenario.requirements = requirements();
  scenario.topology = topology;
  return scenario;
}

}  // namespace netns_lab::single_namespace
