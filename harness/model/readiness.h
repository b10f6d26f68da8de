// When is a link's IPv6 address in use? Not yet when the kernel has it listed: joining its solicited-node group and
// inserting its local route is left to a work queue (addrconf_dad_work, net/ipv6/addrconf.c), even without duplicate
// address detection. Until then neighbour solicitations for it, and advertisements to it, are dropped, and whoever asks
// waits a second before it asks again.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/model/interface_address.h"
#include "harness/model/route.h"

namespace netns_lab {

// The IPv6 addresses of that link that lack their route in table local (RT_TABLE_LOCAL) and are about to get it. Those
// still in duplicate address detection, or that failed it, are not among them: that takes seconds, or for ever.
std::vector<IpAddress> addresses_not_in_use_yet(const std::vector<InterfaceAddress>& addresses,
                                                const std::vector<Route>& routes, std::uint32_t link_index);

}  // namespace netns_lab
