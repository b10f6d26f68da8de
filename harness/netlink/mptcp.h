// What multipath TCP (RFC 8684) makes connections over: MPTCP_PM_CMD_GET_ADDR and MPTCP_PM_CMD_GET_LIMITS of the
// generic netlink family "mptcp_pm" (linux/mptcp.h, net/mptcp/pm_netlink.c; Linux 5.6).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/model/snapshot.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

struct MptcpObject {
  std::uint32_t link_index = 0;  // 0: none
  FurtherObject object;  // "MPTCP endpoint", "id 1", "10.0.0.2 port 0 flags 4"; "MPTCP limits", "of a connection", …
};
// The endpoints, and the limits of a connection. `socket` is of Protocol::kGeneric, `family` the number of "mptcp_pm".
Result<std::vector<MptcpObject>> list_mptcp_objects(NetlinkSocket& socket, std::uint16_t family);
Result<MptcpObject> decode_mptcp_endpoint(const MessageView& message);
Result<MptcpObject> decode_mptcp_limits(const MessageView& message);

}  // namespace netns_lab::netlink
