// "Which way would a packet take?" RTM_GETROUTE for one destination.
#pragma once

#include "harness/model/route.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// `input_link_index` != 0: as for a packet received there. The answer is the look-up's (gateway, source, link), not the
// matching table entry (RTM_F_FIB_MATCH unset). A refusal about the subject (ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL,
// ENODEV …) is an answer with system_errno set; an Error means that the socket broke. `output_link` is left empty.
Result<RouteAnswer> look_up_route(NetlinkSocket& socket, const RouteQuery& query, std::uint32_t input_link_index);
Request route_lookup_request(const RouteQuery& query, std::uint32_t input_link_index);
Result<RouteAnswer> decode_route_answer(const MessageView& message);

}  // namespace netns_lab::netlink
