// Sockets that listen (TCP) or are bound (UDP): SOCK_DIAG_BY_FAMILY (linux/inet_diag.h, sock_diag(7)).
#pragma once

#include <vector>

#include "harness/model/snapshot.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// Listening TCP and unconnected, bound UDP sockets, both families; "tcp" before "udp", IPv4 before IPv6. `socket` is of
// Protocol::kSocketDiagnosis. A kernel without the diagnosis module of a protocol answers ENOENT: none of that
// protocol.
Result<std::vector<BoundSocket>> list_bound_sockets(NetlinkSocket& socket);
Result<BoundSocket> decode_bound_socket(
    const MessageView& message);  // `protocol` is left empty: the message does not say it

}  // namespace netns_lab::netlink
