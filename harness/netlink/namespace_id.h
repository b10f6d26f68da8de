// Network namespace ids: the numbers by which one namespace calls another (RTM_GETNSID, RTM_NEWNSID;
// linux/net_namespace.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// The id by which the socket's namespace calls the one that `namespace_fd` refers to; none when it has no name for it
// (yet).
Result<std::optional<std::int32_t>> find_namespace_id(NetlinkSocket& socket, int namespace_fd);
// Gives it the id; `id` < 0 lets the kernel choose. EEXIST when it has one.
Request assign_namespace_id(int namespace_fd, std::int32_t id);
Request get_namespace_id_request(int namespace_fd);
Result<std::optional<std::int32_t>> decode_namespace_id(const MessageView& message);

Result<std::vector<std::int32_t>> list_namespace_ids(NetlinkSocket& socket);

}  // namespace netns_lab::netlink
