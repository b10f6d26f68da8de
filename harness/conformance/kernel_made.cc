#include "harness/conformance/kernel_made.h"

#include <fmt/format.h>

#include <linux/if_addr.h>

#include <algorithm>
#include <array>
#include <limits>

namespace netns_lab {
namespace {

constexpr std::uint8_t kLinkLocalLength = 64;
constexpr std::uint32_t kIpv6KernelMetric = 256;  // IP6_RT_PRIO_ADDRCONF, net/ipv6/addrconf.c
constexpr std::uint32_t kIpv6UserMetric = 1024;   // IP6_RT_PRIO_USER, where a message names none
constexpr std::uint32_t kSmallestIpv6Mtu = 1280;  // RFC 8200, 5; below it the kernel takes IPv6 off the link

bool is_sysctl(const NamespaceState& state, const std::string& key, const char* value) {
  const auto found = state.sysctls.find(key);
  return found != state.sysctls.end() && found->second == value;
}

std::string link_sysctl(std::string link, const char* name) {
  std::replace(link.begin(), link.end(), '.', '/');  // sysctl(8)
  return "net.ipv6.conf." + link + "." + name;
}

bool has_ipv6(const NamespaceState& state, const Link& link) {
  return link.mtu >= kSmallestIpv6Mtu && is_sysctl(state, link_sysctl(link.name, "disable_ipv6"), "0");
}

// The kernel sets nothing on its own routes but where they lead, and in IPv6 a metric of its own.
bool is_plain(const Route& route) {
  const bool v4 = route.destination.address.is_v4();
  const bool usual_metric =
      route.metric == 0 || (!v4 && (route.metric == kIpv6KernelMetric || route.metric == kIpv6UserMetric));
  return usual_metric && route.tos == 0 && !route.mtu && route.other_metrics.empty();
}

bool is_link_local_network(const Prefix& prefix) { return !prefix.address.is_v4() && prefix.address.is_link_local(); }

std::string single_link(const Route& route) { return route.hops.size() == 1 ? route.hops.front().link : std::string(); }

bool is_multicast_of_link(const Route& route) {
  return !route.destination.address.is_v4() && route.destination.length == 8 &&
         route.destination.address.is_multicast();
}

// Is there an address on `link` for which `matches`?
template <typename Matches>
bool any_address(const NamespaceState& state, const std::string& link, Matches matches) {
  return std::any_of(state.addresses.begin(), state.addresses.end(),
                     [&](const InterfaceAddress& address) { return address.link == link && matches(address); });
}

// It sets no flag by which somebody would say more of it, or have less done for it (addrconf_add_linklocal,
// net/ipv6/addrconf.c): "home", "mngtmpaddr", "noprefixroute".
bool has_usual_flags(const InterfaceAddress& address) {
  constexpr std::uint32_t kUsual =
      IFA_F_PERMANENT | IFA_F_NODAD | IFA_F_TENTATIVE | IFA_F_OPTIMISTIC | IFA_F_DADFAILED | IFA_F_STABLE_PRIVACY;
  return (address.flags & ~kUsual) == 0;
}

bool has_eui64_form(const IpAddress& address) { return address.bytes()[11] == 0xff && address.bytes()[12] == 0xfe; }

bool has_address_of_its_mac(const NamespaceState& state, const Link& link) {
  return any_address(state, link.name, [&](const InterfaceAddress& address) {
    return address.prefix.address == link_local_of(link.mac);
  });
}

bool is_local_table_route(const Route& route, const NamespaceState& state, const std::string& link) {
  const Prefix& destination = route.destination;
  const bool v4 = destination.address.is_v4();
  switch (route.type) {
    case RouteType::kLocal: {
      // 127.0.0.0/8 is local as a whole.
      if (v4 && destination.address.is_loopback() && link == "lo") return true;
      if (!destination.is_host()) return false;
      const auto holds = [&](const InterfaceAddress& address) { return address.prefix.address == destination.address; };
      // An IPv6 local route may stand on lo for an address of another link.
      return any_address(state, link, holds) ||
             (!v4 && link == "lo" && std::any_of(state.addresses.begin(), state.addresses.end(), holds));
    }
    case RouteType::kBroadcast:
      return any_address(state, link, [&](const InterfaceAddress& address) {
        if (!address.prefix.address.is_v4()) return false;
        if (address.broadcast == destination.address) return true;
        return address.prefix.length < 31 && address.prefix.network().contains(destination.address);
      });
    case RouteType::kAnycast:  // the subnet-router address, where the link forwards (RFC 4291, 2.6.1)
      return any_address(state, link, [&](const InterfaceAddress& address) {
        return address.prefix.network().address == destination.address;
      });
    case RouteType::kMulticast:
    case RouteType::kUnicast:
      return is_multicast_of_link(route);
    default:
      return false;
  }
}

}  // namespace

IpAddress link_local_of(const MacAddress& mac) {
  const auto& m = mac.bytes();
  const std::array<std::uint8_t, 16> bytes = {
      0xfe, 0x80, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(m[0] ^ 2), m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
  return IpAddress::from_bytes(bytes);
}

bool has_no_link_address(const Link& link) { return link.kind == "tun" && link.mac.is_zero(); }

bool is_kernel_made_address(const InterfaceAddress& address, const NamespaceState& state) {
  if (!is_link_local_network(address.prefix) || address.prefix.length != kLinkLocalLength) return false;
  if (address.scope != Scope::kLink || address.valid_lifetime != kForeverLifetime ||
      address.preferred_lifetime != kForeverLifetime || address.peer || !has_usual_flags(address))
    return false;
  const Link* link = state.find_link(address.link);
  if (link == nullptr) return false;
  if (address.prefix.address == link_local_of(link->mac)) return true;
  if (has_eui64_form(address.prefix.address) && !has_address_of_its_mac(state, *link)) return true;
  if (has_no_link_address(*link)) return (address.flags & IFA_F_STABLE_PRIVACY) != 0;
  const std::string mode = link_sysctl(address.link, "addr_gen_mode");
  return is_sysctl(state, mode, "2") || is_sysctl(state, mode, "3");
}

bool lacks_link_local(const NamespaceState& state, const Link& link) {
  if (link.is_loopback() || !link.is_up() || !link.carrier || link.operstate != OperState::kUp || link.master)
    return false;
  if (!has_ipv6(state, link) || !is_sysctl(state, link_sysctl(link.name, "addr_gen_mode"), "0")) return false;
  return !any_address(state, link.name,
                      [&](const InterfaceAddress& address) { return is_kernel_made_address(address, state); });
}

bool is_kernel_made_forwarding(const ForwardingEntry& entry, const NamespaceState& state) {
  if (!entry.is_local()) return false;
  return std::any_of(state.links.begin(), state.links.end(), [&](const Link& link) {
    return link.mac == entry.mac && (link.name == entry.link || link.name == entry.bridge);
  });
}

std::vector<std::string> missing_kernel_addresses(const NamespaceState& state, const std::string& name) {
  const Link* link = state.find_link(name);
  if (link == nullptr || !link->is_up()) return {};
  std::vector<std::string> missing;
  if (lacks_link_local(state, *link)) missing.push_back("the IPv6 link-local address that the kernel makes");
  if (!link->is_loopback()) return missing;
  const auto lacks = [&](const IpAddress& own) {
    return !any_address(state, name, [&](const InterfaceAddress& address) { return address.prefix.address == own; });
  };
  if (lacks(IpAddress::v4(127, 0, 0, 1))) missing.push_back("127.0.0.1/8");
  if (has_ipv6(state, *link) && lacks(Prefix::parse("::1/128").value().address)) missing.push_back("::1/128");
  return missing;
}

std::vector<std::string> missing_kernel_routes(const NamespaceState& state, const std::string& name) {
  const Link* link = state.find_link(name);
  if (link == nullptr || !link->is_up()) return {};
  // In IPv6 it may stand on lo.
  const auto has_local_route = [&](const Prefix& destination) {
    return std::any_of(state.routes.begin(), state.routes.end(), [&](const Route& route) {
      return route.table == kLocalTable && route.type == RouteType::kLocal && route.destination == destination;
    });
  };
  // Every link has its own route to the link-local network.
  const auto has_network_route = [&](const Prefix& network) {
    return std::any_of(state.routes.begin(), state.routes.end(), [&](const Route& route) {
      return route.table == kMainTable && route.type == RouteType::kUnicast && route.destination == network &&
             single_link(route) == name;
    });
  };
  std::vector<std::string> missing;
  const auto has_multicast_route = [&] {
    return std::any_of(state.routes.begin(), state.routes.end(), [&](const Route& route) {
      return route.table == kLocalTable && is_multicast_of_link(route) && single_link(route) == name;
    });
  };
  if (!link->is_loopback() &&
      any_address(state, name, [](const auto& entry) { return !entry.prefix.address.is_v4(); }) &&
      !has_multicast_route()) {
    missing.push_back("the multicast route to ff00::/8 (table local)");
  }
  for (const InterfaceAddress& entry : state.addresses) {
    if (entry.link != name) continue;
    const IpAddress& address = entry.prefix.address;
    // Addresses under duplicate address detection are not in use yet.
    if ((entry.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0) continue;
    if (!has_local_route(Prefix::host(address))) {
      missing.push_back(fmt::format("the local route of {} (table local)", address.to_string()));
    }
    const bool makes_network = (entry.flags & IFA_F_NOPREFIXROUTE) == 0 && !entry.peer;
    if (is_link_local_network(entry.prefix) && makes_network && !link->is_loopback() &&
        !has_network_route(entry.prefix.network())) {
      missing.push_back(fmt::format("the route to {}", entry.prefix.network().to_string()));
    }
    if (link->is_loopback() && address.is_v4() && address.is_loopback() && !has_local_route(entry.prefix.network())) {
      missing.push_back(fmt::format("the local route to {} (table local)", entry.prefix.network().to_string()));
    }
  }
  return missing;
}

bool is_kernel_made_route(const Route& route, const NamespaceState& state) {
  if (route.protocol != kKernelProtocol && route.type != RouteType::kUnreachable) return false;
  const std::string link = single_link(route);
  if (route.type == RouteType::kUnreachable) {  // ::/0 of the null entry, older kernels (ip6_null_entry)
    return route.is_default() && !route.destination.address.is_v4() &&
           route.metric == std::numeric_limits<std::uint32_t>::max();
  }
  if (link.empty() || !is_plain(route)) return false;
  if (route.table == kLocalTable) return is_local_table_route(route, state, link);
  if (route.table != kMainTable || route.hops.front().gateway) return false;
  if (is_multicast_of_link(route)) return true;
  if (route.metric == kIpv6UserMetric) return false;  // of a connected route, where its address came with it
  return route.type == RouteType::kUnicast && any_address(state, link, [&](const InterfaceAddress& address) {
           const bool v4 = address.prefix.address.is_v4();
           // IPv4 makes no connected route for a /32, IPv6 makes one for a /128 too. A peer address is routed instead
           // of the network.
           if (address.peer)
             return Prefix{*address.peer, address.prefix.length}.network() == route.destination.network();
           return (!v4 || address.prefix.length < 32) && address.prefix.network() == route.destination;
         });
}

}  // namespace netns_lab
