// To which ports a bridge, or a VXLAN link, sends what is for a multicast group: RTM_GETMDB of AF_BRIDGE
// (linux/if_bridge.h, net/bridge/br_mdb.c).
#pragma once

#include <cstdint>
#include <vector>

#include "harness/model/snapshot.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

struct MulticastGroup {
  FurtherObject object;          // "multicast group", "239.1.1.1", "vlan 5"; its port is not told here
  std::uint32_t link_index = 0;  // the port
};
// Those that somebody set to stay (MDB_PERMANENT): what snooping found is left out. A kernel without them has none.
Result<std::vector<MulticastGroup>> list_multicast_groups(NetlinkSocket& socket);

Result<std::vector<MulticastGroup>> decode_multicast_groups(const MessageView& message);

}  // namespace netns_lab::netlink
