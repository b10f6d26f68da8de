// Routes of multicast packets, which no table of routes has: RTM_GETROUTE of RTNL_FAMILY_IPMR and RTNL_FAMILY_IP6MR
// (linux/rtnetlink.h, net/ipv4/ipmr.c, net/ipv6/ip6mr.c).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/model/snapshot.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

struct MulticastRoute {
  FurtherObject object;  // "multicast route", "239.1.1.1 from 10.0.0.1", "table 253"; its links are not told here
  std::uint32_t link_index = 0;   // where the packets come in; 0: of any
  std::vector<std::uint32_t> to;  // the links they are sent out of
};
// Those that lead somewhere: one that is asked for (unresolved) is left out. A kernel without them has none.
Result<std::vector<MulticastRoute>> list_multicast_routes(NetlinkSocket& socket);

// Nothing of another family, or unresolved.
Result<std::optional<MulticastRoute>> decode_multicast_route(const MessageView& message);

}  // namespace netns_lab::netlink
