#include "harness/netlink/bridge.h"

#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <array>
#include <optional>
#include <span>

namespace netns_lab::netlink {
namespace {

struct Name {
  std::uint16_t type;
  const char* text;
};

constexpr std::array kBridgeNames{
    Name{IFLA_BR_FORWARD_DELAY, "forward_delay"},
    Name{IFLA_BR_HELLO_TIME, "hello_time"},
    Name{IFLA_BR_MAX_AGE, "max_age"},
    Name{IFLA_BR_AGEING_TIME, "ageing_time"},
    Name{IFLA_BR_STP_STATE, "stp_state"},
    Name{IFLA_BR_PRIORITY, "priority"},
    Name{IFLA_BR_VLAN_FILTERING, "vlan_filtering"},
    Name{IFLA_BR_VLAN_DEFAULT_PVID, "vlan_default_pvid"},
    Name{IFLA_BR_GROUP_FWD_MASK, "group_fwd_mask"},
    Name{IFLA_BR_MCAST_ROUTER, "mcast_router"},
    Name{IFLA_BR_MCAST_SNOOPING, "mcast_snooping"},
    Name{IFLA_BR_MCAST_QUERIER, "mcast_querier"},
    Name{IFLA_BR_NF_CALL_IPTABLES, "nf_call_iptables"},
    Name{IFLA_BR_NF_CALL_IP6TABLES, "nf_call_ip6tables"},
    Name{IFLA_BR_NF_CALL_ARPTABLES, "nf_call_arptables"},
};

constexpr std::array kPortNames{
    Name{IFLA_BRPORT_STATE, "state"},
    Name{IFLA_BRPORT_PRIORITY, "priority"},
    Name{IFLA_BRPORT_COST, "cost"},
    Name{IFLA_BRPORT_MODE, "hairpin"},
    Name{IFLA_BRPORT_GUARD, "guard"},
    Name{IFLA_BRPORT_PROTECT, "root_block"},
    Name{IFLA_BRPORT_FAST_LEAVE, "fastleave"},
    Name{IFLA_BRPORT_LEARNING, "learning"},
    Name{IFLA_BRPORT_UNICAST_FLOOD, "flood"},
    Name{IFLA_BRPORT_PROXYARP, "proxy_arp"},
    Name{IFLA_BRPORT_PROXYARP_WIFI, "proxy_arp_wifi"},
    Name{IFLA_BRPORT_MULTICAST_ROUTER, "mcast_router"},
    Name{IFLA_BRPORT_MCAST_FLOOD, "mcast_flood"},
    Name{IFLA_BRPORT_MCAST_TO_UCAST, "mcast_to_unicast"},
    Name{IFLA_BRPORT_VLAN_TUNNEL, "vlan_tunnel"},
    Name{IFLA_BRPORT_BCAST_FLOOD, "bcast_flood"},
    Name{IFLA_BRPORT_GROUP_FWD_MASK, "group_fwd_mask"},
    Name{IFLA_BRPORT_NEIGH_SUPPRESS, "neigh_suppress"},
    Name{IFLA_BRPORT_ISOLATED, "isolated"},
    Name{IFLA_BRPORT_LOCKED, "locked"},
};

// Their types differ from attribute to attribute, and from kernel to kernel.
std::optional<std::uint32_t> number(AttributeReader& reader) {
  switch (reader.bytes().size()) {
    case 1:
      return reader.u8();
    case 2:
      return reader.u16();
    case 4:
      return reader.u32();
    default:
      return std::nullopt;
  }
}

BridgeSettings settings(AttributeReader& data, std::span<const Name> names) {
  BridgeSettings found;
  while (data.next()) {
    for (const Name& name : names) {
      if (name.type != data.type()) continue;
      if (const auto value = number(data)) found[name.text] = *value;
    }
  }
  return found;
}

}  // namespace

BridgeSettings bridge_settings(AttributeReader& data) { return settings(data, kBridgeNames); }
BridgeSettings bridge_port_settings(AttributeReader& data) { return settings(data, kPortNames); }

Result<std::vector<ForwardingRow>> list_forwarding(NetlinkSocket& socket) {
  Request request(RTM_GETNEIGH, 0);
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  request.put_header(header);
  NETNS_LAB_ASSIGN(const Replies replies, socket.dump(std::move(request)));
  return decode_all<ForwardingRow>(replies, decode_forwarding);
}

Request set_hairpin(std::uint32_t link_index, bool on) {
  // A port's settings are changed by its bridge: family AF_BRIDGE (rtnl_bridge_setlink, net/core/rtnetlink.c).
  Request request(RTM_SETLINK, 0);
  ifinfomsg header{};
  header.ifi_family = AF_BRIDGE;
  header.ifi_index = static_cast<int>(link_index);
  request.put_header(header);
  request.put_nested(IFLA_PROTINFO, [&] { request.put_u8(IFLA_BRPORT_MODE, on ? 1 : 0); });
  return request;
}

Result<ForwardingRow> decode_forwarding(const MessageView& message) {
  NETNS_LAB_ASSIGN(const ndmsg header, read_header<ndmsg>(message, "RTM_NEWNEIGH"));
  ForwardingRow row;
  row.entry.link_index = static_cast<std::uint32_t>(header.ndm_ifindex);
  row.entry.state = header.ndm_state;
  row.entry.flags = header.ndm_flags;
  AttributeReader reader(after_header<ndmsg>(message));
  while (reader.next()) {
    switch (reader.type()) {
      case NDA_LLADDR:
        row.entry.mac = reader.mac().value_or(MacAddress());
        break;
      case NDA_DST:
        row.entry.destination = reader.address();
        break;
      case NDA_VLAN:
        row.entry.vlan = reader.u16();
        break;
      case NDA_MASTER:
        row.master = reader.u32();
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWNEIGH"));
  return row;
}

}  // namespace netns_lab::netlink
