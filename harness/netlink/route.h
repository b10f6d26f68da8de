// Routes: RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE with NLM_F_DUMP (linux/rtnetlink.h, net/ipv4/fib_frontend.c,
// net/ipv6/route.c).
#pragma once

#include <vector>

#include "harness/model/route.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// The hops' link_index says where to; names are not looked at. Several hops make a multipath route. RTNH_F_ONLINK in a
// hop's flags: the gateway is on the link, whatever the addresses say. Scope kGlobal of an IPv4 unicast route without
// gateway becomes kLink, as `ip` does. EEXIST when the route is there already.
Request add_route(const Route& route);
Request delete_route(const Route& route);  // ESRCH when there is none

Result<std::vector<Route>> list_routes(
    NetlinkSocket& socket);  // all tables, IPv4 then IPv6, as the kernel orders them; without cached exceptions
Result<std::vector<Route>> list_routes(NetlinkSocket& socket, Family family);
Result<Route> decode_route(const MessageView& message);  // RTM_NEWROUTE or RTM_DELROUTE; the hops' `link` is left empty

}  // namespace netns_lab::netlink
