#include "suites/single-namespace/scenario.h"

#include "suites/common/parameters.h"
#include "suites/single-namespace/requirements.h"

namespace netns_lab::single_namespace {
namespace {

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
  NETNS_LAB_ASSIGN(const std::uint32_t mtu, suites::link_mtu(parameters, family));
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
  if (mtu != suites::kEthernetMtu) pair.mtu = mtu;
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

Result<std::string> namespace_name(const Parameters& parameters) { return suites::namespace_name(parameters, "CON"); }

Result<IpAddress> container_address(const Parameters& parameters, Family family) {
  const bool v4 = family == Family::kIpv4;
  return suites::unicast_address(parameters, v4 ? "IP" : "IP6", family, v4 ? "10.200.1.1" : "fd00:200::1");
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
  for (Parameter& parameter : suites::mtu_parameters()) scenario.parameters.push_back(std::move(parameter));
  scenario.families = {Family::kIpv4, Family::kIpv6};
  scenario.requirements = requirements();
  scenario.tests_run_commands = false;
  scenario.topology = topology;
  return scenario;
}

}  // namespace netns_lab::single_namespace
