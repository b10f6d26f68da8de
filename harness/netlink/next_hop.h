// Next hops as objects of their own, which routes may share: RTM_GETNEXTHOP (linux/nexthop.h, net/ipv4/nexthop.c; Linux
// 5.3).
#pragma once

#include <string>
#include <vector>

#include "harness/model/snapshot.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

struct NextHopObject {
  std::uint32_t link_index = 0;  // 0: none
  FurtherObject object;          // "next hop", "id 5", "via 192.0.2.1"; its link is not told here
};
// A kernel without them has none.
Result<std::vector<NextHopObject>> list_next_hops(NetlinkSocket& socket);
Result<NextHopObject> decode_next_hop(const MessageView& message);

}  // namespace netns_lab::netlink
