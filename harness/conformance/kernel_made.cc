#include "harness/conformance/kernel_made.h"

#include <linux/if_addr.h>

#include <algorithm>
#include <array>
#include <limits>

namespace netns_lab {
namespace {

constexpr std::uint8_t kLinkLocalLength = 64;

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

bool is_kernel_made_address(const InterfaceAddress& address, const NamespaceState& state) {
  if (!is_link_local_network(address.prefix) || address.prefix.length != kLinkLocalLength) return false;
  if (address.scope != Scope::kLink) return false;
  const Link* link = state.find_link(address.link);
  if (link == nullptr) return false;
  if (address.prefix.address == link_local_of(link->mac)) return true;
  if (has_eui64_form(address.prefix.address) && !has_address_of_its_mac(state, *link)) return true;
  const auto mode = state.sysctls.find("net.ipv6.conf." + address.link + ".addr_gen_mode");
  return mode != state.sysctls.end() && (mode->second == "2" || mode->second == "3");
}

bool is_kernel_made_route(const Route& route, const NamespaceState& state) {
  if (route.protocol != kKernelProtocol && route.type != RouteType::kUnreachable) return false;
  const std::string link = single_link(route);
  if (route.type == RouteType::kUnreachable) {  // ::/0 of the null entry, older kernels (ip6_null_entry)
    return route.is_default() && !route.destination.address.is_v4() &&
           route.metric == std::numeric_limits<std::uint32_t>::max();
  }
  if (link.empty()) return false;
  if (route.table == kLocalTable) return is_local_table_route(route, state, link);
  if (route.table != kMainTable || route.hops.front().gateway) return false;
  if (is_multicast_of_link(route)) return true;
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
