#include "harness/model/readiness.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>

namespace netns_lab {
namespace {

bool is_local_route_of(const Route& route, const IpAddress& address) {
  return route.table == RT_TABLE_LOCAL && route.type == RouteType::kLocal && route.destination.address == address;
}

}  // namespace

std::vector<IpAddress> addresses_not_in_use_yet(const std::vector<InterfaceAddress>& addresses,
                                                const std::vector<Route>& routes, std::uint32_t link_index) {
  std::vector<IpAddress> missing;
  for (const InterfaceAddress& entry : addresses) {
    const IpAddress& address = entry.prefix.address;
    const bool waits = (entry.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0;
    if (entry.link_index != link_index || address.is_v4() || waits) continue;
    const bool is_in_use = std::any_of(routes.begin(), routes.end(),
                                       [&](const Route& route) { return is_local_route_of(route, address); });
    if (!is_in_use) missing.push_back(address);
  }
  return missing;
}

}  // namespace netns_lab
