#include "suites/bridge-scale/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "harness/model/look_size.h"
#include "harness/model/mesh.h"
#include "suites/bridge-scale/requirements.h"
#include "suites/common/layout.h"
#include "suites/common/parameters.h"

namespace netns_lab::bridge_scale {
namespace {

constexpr auto kContainers = "CONTAINERS";
constexpr std::uint32_t kIpv6KernelMetric = 256;  // IP6_RT_PRIO_ADDRCONF, net/ipv6/addrconf.c
// Containers whose pairs are made by one message each, all in one datagram.
constexpr std::uint32_t kAtOnce = 32;
// Those that a node has open beside the mesh's: 20 of its own, what the probes of a pair cost when there are few
// containers, and some to spare.
constexpr std::size_t kOtherDescriptors = 64;
// Not while there is a mesh.
constexpr std::size_t look_descriptors(std::size_t containers) {
  return kDescriptorsOfEach * std::min(containers, kNamespacesAtOnce);
}

Result<std::uint32_t> containers_of(const Parameters& parameters) {
  NETNS_LAB_ASSIGN(const std::string text, suites::parameter_value(parameters, kContainers));
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (is_number && number >= kFewest && number <= kMost) return number;
  return tl::unexpected(Error::invalid(
      suites::parameter_text(kContainers, text),
      is_number && number > kMost ? fmt::format("a bridge has {} ports at most", kMost)
                                  : fmt::format("it is no number from {} to {}", kFewest, kMost),
      fmt::format("give {} to {}; two containers are scenario bridge without --containers", kFewest, kMost)));
}

// `number` addresses further on; what is carried out of the last four bytes is no address of the subnet any more.
IpAddress further(const IpAddress& address, std::uint32_t number) {
  std::vector<std::uint8_t> bytes(address.bytes().begin(), address.bytes().end());
  for (std::size_t at = bytes.size(); at-- > bytes.size() - 4;) {
    number += bytes[at];
    bytes[at] = static_cast<std::uint8_t>(number);
    number >>= 8;
  }
  return IpAddress::from_bytes(bytes);
}

Result<void> check_subnet(const std::string& name, const IpAddress& bridge, std::uint32_t containers) {
  const Prefix subnet{bridge, prefix_length(bridge.family())};
  const IpAddress first = subnet.network().address;
  const auto refuse = [&](const std::string& why) {
    return tl::unexpected(Error::invalid(
        suites::parameter_text(name, bridge.to_string()), why,
        fmt::format("give the subnet's first address, {}, or one soon after it", further(first, 1).to_string())));
  };
  if (bridge == first)
    return refuse(fmt::format("it is the address of the subnet {} itself (RFC 1122, 3.2.1.3; RFC 4291, 2.6.1)",
                              subnet.network().to_string()));
  // One more: IPv4's last address is the broadcast address (RFC 919, 7).
  if (subnet.contains(further(bridge, containers + 1)) && further(bridge, containers + 1) > bridge) return {};
  return refuse(fmt::format("the addresses of {} containers after it do not fit into its subnet {}", containers,
                            subnet.network().to_string()));
}

// The name of the bridge's address, which the containers' follow.
const char* bridge_parameter(Family family) { return family == Family::kIpv4 ? "BRIDGE_IP" : "BRIDGE_IP6"; }

std::vector<std::pair<const char*, const char*>> quiet_settings(Family family) {
  if (family == Family::kIpv4) return {{"disable_ipv6", "1"}};
  return {{"router_solicitations", "0"}, {"dad_transmits", "0"}};
}

void add_containers(Topology& topology, const IpAddress& bridge, std::uint32_t first, std::uint32_t last) {
  const Family family = bridge.family();
  std::vector<Change>& build = topology.build;
  for (std::uint32_t number = first; number <= last; ++number)
    build.emplace_back(CreateNamespace{namespace_of(number)});
  // A thousand links with IPv6 ask and report to all others for seconds, with drops: for routers, for others with their
  // address. IPv4 runs do without IPv6, IPv6 runs without these questions. Of the links to come; lo is there already.
  for (std::uint32_t number = first; number <= last; ++number) {
    for (const auto& [key, value] : quiet_settings(family))
      build.emplace_back(SetSysctl{namespace_of(number), std::string("net.ipv6.conf.default.") + key, value});
  }
  for (std::uint32_t number = first; number <= last; ++number) {
    CreateVeth pair;
    pair.name = port_of(number);
    pair.peer_namespace = namespace_of(number);
    pair.peer_name = inner_of(number);
    pair.master = kBridge;
    build.emplace_back(pair);
    topology.links.push_back(pair.name);
  }
  for (std::uint32_t number = first; number <= last; ++number) {
    const std::string name = namespace_of(number);
    const Prefix own{further(bridge, number), prefix_length(family)};
    build.emplace_back(suites::raised(name, "lo"));
    build.emplace_back(suites::address_on(name, inner_of(number), own));
    build.emplace_back(suites::raised(name, inner_of(number)));
    build.emplace_back(suites::route_by(name, Prefix::default_route(family), inner_of(number), bridge));
    Attachment attachment;
    attachment.network_namespace = name;
    attachment.host_link = port_of(number);
    attachment.container_link = inner_of(number);
    attachment.addresses = {own};
    attachment.gateway = bridge;
    topology.attachments.push_back(std::move(attachment));
    topology.namespaces.push_back(name);
  }
  // Last, when it is certain whether they can forward: see `bridge`.
  for (std::uint32_t number = first; number <= last; ++number) build.emplace_back(suites::raised("", port_of(number)));
}

Result<Topology> lay_out(const Parameters& parameters, Family family) {
  NETNS_LAB_ASSIGN(const std::uint32_t containers, containers_of(parameters));
  const char* const name = bridge_parameter(family);
  NETNS_LAB_ASSIGN(
      const IpAddress bridge,
      suites::unicast_address(parameters, name, family, family == Family::kIpv4 ? "172.16.0.1" : "fd00:172:16::1"));
  NETNS_LAB_TRY(check_subnet(name, bridge, containers));

  Topology topology;
  topology.links = {kBridge};
  // Up before it has ports: with one that could forward its operstate is told by a worker that takes up to a second
  // (linkwatch_urgent_event, net/core/link_watch.c).
  topology.build = {CreateLink{"", kBridge, "bridge"},
                    suites::address_on("", kBridge, Prefix{bridge, prefix_length(family)}),
                    suites::raised("", kBridge)};
  for (std::uint32_t first = 1; first <= containers; first += kAtOnce)
    add_containers(topology, bridge, first, std::min(containers, first + kAtOnce - 1));
  // The bridge first: its ports leave it at once, which one by one costs more than half of all.
  topology.tear_down = {DeleteLink{"", kBridge}};
  for (const std::string& each : topology.namespaces) topology.tear_down.emplace_back(DeleteNamespace{each});
  return topology;
}

}  // namespace

std::string namespace_of(std::uint32_t number) { return fmt::format("netns{}", number); }
std::string port_of(std::uint32_t number) { return fmt::format("veth{}0", number); }
std::string inner_of(std::uint32_t number) { return fmt::format("veth{}1", number); }

std::uint8_t prefix_length(Family family) { return family == Family::kIpv4 ? 21 : 64; }

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
  scenario.name = "bridge-scale";
  scenario.title = "Part 2 at scale: up to 1,023 namespaces on a bridge, each reached by every other";
  scenario.parameters = {
      {kContainers, "8", "how many containers, 3 to 1023 (--containers)"},
      {"BRIDGE_IP", "172.16.0.1", "the bridge's IPv4 address; the containers' follow it, in its /21"},
      {"BRIDGE_IP6", "fd00:172:16::1", "the bridge's IPv6 address; the containers' follow it, in its /64"},
  };
  scenario.families = {Family::kIpv4, Family::kIpv6};
  scenario.requirements = requirements();
  scenario.tests_run_commands = false;
  scenario.topology = lay_out;
  scenario.kernel_options = {"CONFIG_BRIDGE"};
  scenario.looked_at_in_parts = true;
  scenario.descriptors = [](const Topology& topology) {
    const std::size_t containers = topology.attachments.size();
    return kOtherDescriptors + std::max(look_descriptors(containers), mesh_descriptors(containers));
  };
  return scenario;
}

}  // namespace netns_lab::bridge_scale
