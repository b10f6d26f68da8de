// States of the packet transformation (IPsec), with which packets are encrypted: XFRM_MSG_GETSA over NETLINK_XFRM
// (linux/xfrm.h, net/xfrm/xfrm_user.c).
#pragma once

#include <optional>
#include <vector>

#include "harness/model/snapshot.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// "xfrm state", "10.0.0.1 to 10.0.0.2", "protocol 50 mode 0 reqid 0 flags 0": neither index (SPI) nor keys, which a key
// exchange renews; so as many alike as there are. Those that the kernel itself makes, to ask for one (without an
// index), are left out. `socket` is of Protocol::kXfrm.
Result<std::vector<FurtherObject>> list_xfrm_states(NetlinkSocket& socket);

// Nothing where the kernel made it to ask for one.
Result<std::optional<FurtherObject>> decode_xfrm_state(const MessageView& message);

}  // namespace netns_lab::netlink
