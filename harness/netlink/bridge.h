// What a bridge and its ports are set to (IFLA_BR_*, IFLA_BRPORT_* of linux/if_link.h; net/bridge/br_netlink.c), and
// the bridges' forwarding databases.
#pragma once

#include <vector>

#include "harness/model/forwarding_entry.h"
#include "harness/model/link.h"
#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// By the names of ip-link(8). Left out is what changes by itself: timers, counters, and what spanning tree found out.
// IFLA_INFO_DATA of kind "bridge"; into `further` what is not judged by name, but is as a new bridge has it.
BridgeSettings bridge_settings(AttributeReader& data, BridgeSettings& further);
BridgeSettings bridge_port_settings(AttributeReader& data);  // IFLA_INFO_SLAVE_DATA of kind "bridge"

// Whether a port sends packets back where they came from (IFLA_BRPORT_MODE; bridge(8), hairpin). EOPNOTSUPP where the
// link is no port.
Request set_hairpin(std::uint32_t link_index, bool on);

// Of all bridges and VXLAN links of the socket's namespace. Names are left empty; `master` is the index of the bridge.
struct ForwardingRow {
  ForwardingEntry entry;
  std::uint32_t master = 0;  // 0: in no bridge's database, but a VXLAN link's own, or a device's filter ("self")
};
Result<std::vector<ForwardingRow>> list_forwarding(NetlinkSocket& socket);
Result<ForwardingRow> decode_forwarding(const MessageView& message);

}  // namespace netns_lab::netlink
