// Neighbour table entries: RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH (linux/neighbour.h, net/core/neighbour.c).
#pragma once

#include <cstdint>
#include <vector>

#include "harness/model/neighbour.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// Permanent (NUD_PERMANENT): exempt from garbage collection and its thresholds. Replaces what was there.
Request add_neighbour(std::uint32_t link_index, const IpAddress& address, const MacAddress& mac);
// The same, but where there is one, whatever its state, it is left as it is and the request is refused (EEXIST).
Request add_new_neighbour(std::uint32_t link_index, const IpAddress& address, const MacAddress& mac);
Request delete_neighbour(std::uint32_t link_index, const IpAddress& address);

// ARP then ND, then the proxies of both (NTF_PROXY; a proxy without a link has index 0); no bridge forwarding entries.
// `link` is left empty.
Result<std::vector<Neighbour>> list_neighbours(NetlinkSocket& socket);
Result<Neighbour> decode_neighbour(const MessageView& message);

}  // namespace netns_lab::netlink
