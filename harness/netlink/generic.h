// Generic netlink: families of requests that have a name instead of a number (linux/genetlink.h,
// net/netlink/genetlink.c).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// The number of the family `name` ("ethtool", "mptcp_pm"): the same in every network namespace, for as long as the
// kernel has it. Nothing where it has none. `socket` is of Protocol::kGeneric.
Result<std::optional<std::uint16_t>> find_generic_family(NetlinkSocket& socket, const std::string& name);

// A request to a family, with its header (genlmsghdr) put; `command` is the family's.
Request generic_request(std::uint16_t family, std::uint8_t command, std::uint8_t version = 1);

}  // namespace netns_lab::netlink
