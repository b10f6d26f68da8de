#include "harness/node/host_checks.h"

#include <fmt/format.h>
#include <net/if.h>

#include <linux/fib_rules.h>

#include <algorithm>
#include <sstream>

#include "harness/base/text.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/nft_table.h"
#include "harness/netlink/route.h"
#include "harness/netlink/rule.h"
#include "harness/netlink/xfrm_policy.h"
#include "harness/netns/named.h"
#include "harness/node/host_firewall.h"

namespace netns_lab::node {
namespace {

// The node is seldom the machine on which the message is read.
std::string remedy_there(const std::string& command) {
  return fmt::format(
      "what an earlier netns-lab run left there is removed by netns-lab destroy with this --lab and --name; anything "
      "else, "
      "on the node, by: "
      "{}",
      command);
}

// dev_valid_name() in net/core/dev.c.
Result<void> check_link_name(const std::string& name) {
  const bool fits = !name.empty() && name.size() < IFNAMSIZ && name != "." && name != "..";
  const bool clean = std::none_of(name.begin(), name.end(),
                                  [](unsigned char c) { return c <= ' ' || c == '/' || c == ':' || c == 0x7f; });
  if (fits && clean) return {};
  return tl::unexpected(
      Error::invalid(fmt::format("interface name \"{}\"", visible(name, 64)),
                     fmt::format("1 to {} bytes without blanks, '/' and ':' were expected", IFNAMSIZ - 1)));
}

Result<void> check_namespaces(const AgentContext& context, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  NETNS_LAB_ASSIGN(const std::vector<NamespaceEntry> entries, list_namespace_entries(context.namespace_directory));
  for (const std::string& name : names) {
    NETNS_LAB_TRY(check_namespace_name(name));
    const bool here =
        std::any_of(entries.begin(), entries.end(), [&](const NamespaceEntry& entry) { return entry.name == name; });
    const auto& machine = context.machine_namespaces;
    if (here || std::find(machine.begin(), machine.end(), name) != machine.end()) {
      return tl::unexpected(Error::taken(fmt::format("claim network namespace {}", name),
                                         fmt::format("there is one of that name on {}", context.host_name),
                                         remedy_there("ip netns delete " + name)));
    }
  }
  return {};
}

Result<void> check_links(const AgentContext& context, const std::vector<Link>& links,
                         const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    NETNS_LAB_TRY(check_link_name(name));
    for (const Link& link : links) {
      const auto& others = link.alternative_names;
      if (link.name != name && std::find(others.begin(), others.end(), name) == others.end()) continue;
      return tl::unexpected(Error::taken(fmt::format("claim interface {}", name),
                                         fmt::format("there is one of that name on {}", context.host_name),
                                         remedy_there("ip link delete " + name)));
    }
  }
  return {};
}

Result<void> check_nft_tables(const AgentContext& context, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  NETNS_LAB_ASSIGN(netlink::NetlinkSocket socket, netlink::NetlinkSocket::open(netlink::Protocol::kNetfilter));
  for (const std::string& name : names) {
    const auto key = netlink::nft_table_key(name);
    if (!key) return tl::unexpected(Error::invalid("nft table \"" + visible(name, 64) + "\"", "that names none"));
    NETNS_LAB_ASSIGN(const bool is_there, netlink::has_nft_table(socket, *key));
    if (!is_there) continue;
    return tl::unexpected(Error::taken("claim nft table " + name,
                                       fmt::format("there is one of that name on {}", context.host_name),
                                       // Of iptables, of a container engine: without it a machine may be cut off.
                                       "what an earlier netns-lab run left there is removed by netns-lab destroy with "
                                       "this --lab and --name; for anything "
                                       "else choose another name (--param), or use --lab sandbox"));
  }
  return {};
}

std::string shown(const RoutingRule& rule) {
  std::ostringstream text;
  text << rule;
  return text.str();
}

// Rules that refuse packets come before the routing tables, which alone tell whether an address is free.
Result<void> check_rules(const AgentContext& context, netlink::NetlinkSocket& socket,
                         const std::vector<Prefix>& claimed) {
  NETNS_LAB_ASSIGN(const std::vector<RoutingRule> rules, netlink::list_rules(socket));
  for (const RoutingRule& rule : rules) {
    const bool refuses =
        rule.action == FR_ACT_BLACKHOLE || rule.action == FR_ACT_UNREACHABLE || rule.action == FR_ACT_PROHIBIT;
    if (!refuses || !rule.other.empty()) continue;
    for (const Prefix& prefix : claimed) {
      if (prefix.address.family() != rule.family) continue;
      if (rule.destination && !rule.destination->contains(prefix.address)) continue;
      return tl::unexpected(Error::missing(fmt::format("use {} as a lab for {}", context.host_name, prefix.to_string()),
                                           "it has a rule that would refuse packets: " + shown(rule),
                                           "give another address (--param), or use --lab sandbox"));
    }
  }
  return {};
}

// An address of the machine in a subnet that is claimed whole ("198.18.200.0/29").
bool lies_in(const Prefix& claimed, const IpAddress& address) {
  return claimed.address == claimed.network().address && claimed.contains(address);
}

Result<void> check_addresses(const AgentContext& context, netlink::NetlinkSocket& socket,
                             const std::vector<Link>& links, const std::vector<Prefix>& claimed) {
  if (claimed.empty()) return {};
  const auto link_name = [&](std::uint32_t index) {
    const auto found = std::find_if(links.begin(), links.end(), [&](const Link& link) { return link.index == index; });
    return found == links.end() ? fmt::format("interface {}", index) : found->name;
  };
  NETNS_LAB_ASSIGN(const std::vector<InterfaceAddress> present, netlink::list_addresses(socket));
  NETNS_LAB_ASSIGN(const std::vector<Route> routes, netlink::list_routes(socket));
  for (const Prefix& prefix : claimed) {
    const std::string attempted = fmt::format("claim address {}", prefix.to_string());
    for (const InterfaceAddress& address : present) {
      if (address.prefix.address != prefix.address && !lies_in(prefix, address.prefix.address)) continue;
      return tl::unexpected(Error::taken(attempted,
                                         fmt::format("{} has {} on {}", context.host_name,
                                                     address.prefix.address.to_string(), link_name(address.link_index)),
                                         "give another one (--param), or use --lab sandbox"));
    }
    // Every IPv6 link has fe80::/64, and it says nothing about who else is there.
    if (prefix.address.is_link_local()) continue;
    for (const Route& route : routes) {
      if (route.is_default() || route.destination.address.family() != prefix.address.family() ||
          !route.destination.contains(prefix.address)) {
        continue;
      }
      const std::string by = route.hops.empty() ? "" : " dev " + link_name(route.hops.front().link_index);
      return tl::unexpected(Error::taken(
          attempted, fmt::format("{} routes to it already: {}{}", context.host_name, route.destination.to_string(), by),
          "give another one (--param)"));
    }
  }
  return {};
}

// What lies between a lab's packets and their verdict on a machine that is not ours.
Result<void> check_surroundings(const AgentContext& context) {
  NETNS_LAB_ASSIGN(const std::vector<std::string> obstacles, firewall_obstacles());
  if (!obstacles.empty()) {
    return tl::unexpected(Error::missing(fmt::format("use {} as a lab", context.host_name),
                                         "its firewall would spoil the verdict: " + join(obstacles, ", "),
                                         "use --lab sandbox, or run in a network namespace without firewall rules"));
  }
  NETNS_LAB_ASSIGN(netlink::NetlinkSocket xfrm, netlink::NetlinkSocket::open(netlink::Protocol::kXfrm));
  const auto policies = netlink::list_xfrm_policies(xfrm);  // a kernel without IPsec has none
  if (policies && !policies->empty()) {
    return tl::unexpected(
        Error::missing(fmt::format("use {} as a lab", context.host_name),
                       fmt::format("what it has of IPsec would spoil the verdict: policies, {}", policies->size()),
                       "use --lab sandbox, or run in a network namespace without them (ip xfrm policy)"));
  }
  const bool has_source = std::ranges::any_of(context.uplink_addresses,
                                              [](const Prefix& prefix) { return !prefix.address.is_link_local(); });
  if (!has_source) {
    return tl::unexpected(Error::missing(fmt::format("use {} as a lab", context.host_name),
                                         "it has no address besides loopback to choose a source from",
                                         "give an interface an address, or use --lab sandbox"));
  }
  return {};
}

}  // namespace

Result<void> check_claim(const AgentContext& context, const protocol::ClaimRequest& claim) {
  NETNS_LAB_TRY(check_namespaces(context, claim.namespaces));
  NETNS_LAB_ASSIGN(netlink::NetlinkSocket socket, netlink::NetlinkSocket::open(netlink::Protocol::kRoute));
  NETNS_LAB_ASSIGN(const std::vector<Link> links, netlink::list_links(socket));
  NETNS_LAB_TRY(check_links(context, links, claim.links));
  NETNS_LAB_TRY(check_nft_tables(context, claim.nft_tables));
  NETNS_LAB_TRY(check_addresses(context, socket, links, claim.addresses));
  NETNS_LAB_TRY(check_rules(context, socket, claim.addresses));
  if (context.provider == "host") NETNS_LAB_TRY(check_surroundings(context));
  return {};
}

}  // namespace netns_lab::node
