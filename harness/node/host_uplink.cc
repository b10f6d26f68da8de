#include "harness/node/host_uplink.h"

#include <algorithm>
#include <optional>

#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/route.h"

namespace netns_lab::node {
namespace {

// The index of the link packets to the rest of the world leave by; 0 none.
std::uint32_t default_link(const std::vector<Route>& routes) {
  const Route* best = nullptr;
  for (const Route& route : routes) {  // IPv4 comes first
    const bool usable =
        route.is_default() && route.table == kMainTable && route.type == RouteType::kUnicast && !route.hops.empty();
    if (!usable) continue;
    const bool better = best == nullptr || (route.destination.address.family() == best->destination.address.family() &&
                                            route.metric < best->metric);
    if (better) best = &route;
  }
  return best == nullptr ? 0 : best->hops.front().link_index;
}

}  // namespace

Result<HostUplink> find_host_uplink() {
  NETNS_LAB_ASSIGN(netlink::NetlinkSocket socket, netlink::NetlinkSocket::open(netlink::Protocol::kRoute));
  NETNS_LAB_ASSIGN(const std::vector<Link> links, netlink::list_links(socket));
  NETNS_LAB_ASSIGN(const std::vector<InterfaceAddress> addresses, netlink::list_addresses(socket));
  NETNS_LAB_ASSIGN(const std::vector<Route> routes, netlink::list_routes(socket));
  const auto global_of = [&](std::uint32_t index) {
    std::vector<Prefix> found;
    for (const InterfaceAddress& address : addresses) {
      if (address.link_index == index && address.scope == Scope::kGlobal) found.push_back(address.prefix);
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Prefix& a, const Prefix& b) { return a.address.is_v4() && !b.address.is_v4(); });
    return found;
  };
  const std::uint32_t wanted = default_link(routes);
  for (const Link& link : links) {
    const bool chosen =
        wanted != 0 ? link.index == wanted : link.is_up() && !link.is_loopback() && !global_of(link.index).empty();
    if (chosen) return HostUplink{.link = link.name, .addresses = global_of(link.index)};
  }
  return HostUplink{};
}

}  // namespace netns_lab::node
