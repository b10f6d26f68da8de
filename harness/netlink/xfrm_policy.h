// Policies of the packet transformation (IPsec): they can block packets, or demand that they come encrypted, like a
// packet filter. XFRM_MSG_GETPOLICY over NETLINK_XFRM (linux/xfrm.h, net/xfrm/xfrm_user.c).
#pragma once

#include <string>
#include <vector>

#include "harness/model/snapshot.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// "xfrm policy", "out block 10.0.0.0/8 to 192.0.2.0/24 protocol 6 port 22", "contents 7f3a…": everything but what is
// counted and what numbers it. `socket` is of Protocol::kXfrm.
Result<std::vector<FurtherObject>> list_xfrm_policies(NetlinkSocket& socket);

// What becomes of packets that no policy is for, where they are blocked: "xfrm policy", "by default", "fwd block". A
// kernel before Linux 5.15 blocks none.
Result<std::vector<FurtherObject>> list_xfrm_defaults(NetlinkSocket& socket);
Result<std::vector<FurtherObject>> decode_xfrm_defaults(const MessageView& message);

Result<FurtherObject> decode_xfrm_policy(const MessageView& message);

}  // namespace netns_lab::netlink
