#include "harness/netlink/bridge.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
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

// Those that no scenario judges by name: they are as a new bridge has them.
constexpr std::uint16_t kFdbMaxLearned = 49;  // IFLA_BR_FDB_MAX_LEARNED, Linux 6.7
constexpr std::array kFurtherBridgeNames{
    Name{IFLA_BR_MCAST_QUERY_USE_IFADDR, "mcast_query_use_ifaddr"},
    Name{IFLA_BR_MCAST_HASH_MAX, "mcast_hash_max"},
    Name{IFLA_BR_MCAST_LAST_MEMBER_CNT, "mcast_last_member_count"},
    Name{IFLA_BR_MCAST_STARTUP_QUERY_CNT, "mcast_startup_query_count"},
    Name{IFLA_BR_MCAST_LAST_MEMBER_INTVL, "mcast_last_member_interval"},
    Name{IFLA_BR_MCAST_MEMBERSHIP_INTVL, "mcast_membership_interval"},
    Name{IFLA_BR_MCAST_QUERIER_INTVL, "mcast_querier_interval"},
    Name{IFLA_BR_MCAST_QUERY_INTVL, "mcast_query_interval"},
    Name{IFLA_BR_MCAST_QUERY_RESPONSE_INTVL, "mcast_query_response_interval"},
    Name{IFLA_BR_MCAST_STARTUP_QUERY_INTVL, "mcast_startup_query_interval"},
    Name{IFLA_BR_MCAST_STATS_ENABLED, "mcast_stats_enabled"},
    Name{IFLA_BR_MCAST_IGMP_VERSION, "mcast_igmp_version"},
    Name{IFLA_BR_MCAST_MLD_VERSION, "mcast_mld_version"},
    Name{IFLA_BR_VLAN_STATS_ENABLED, "vlan_stats_enabled"},
    Name{IFLA_BR_VLAN_STATS_PER_PORT, "vlan_stats_per_port"},
    Name{IFLA_BR_VLAN_PROTOCOL, "vlan_protocol"},
    Name{kFdbMaxLearned, "fdb_max_learned"},
};

// Newer than the headers this is built with may be.
constexpr std::uint16_t kPortMab = 40;           // IFLA_BRPORT_MAB, Linux 6.2
constexpr std::uint16_t kPortMaxGroups = 42;     // IFLA_BRPORT_MCAST_MAX_GROUPS, Linux 6.3
constexpr std::uint16_t kPortVlanSuppress = 43;  // IFLA_BRPORT_NEIGH_VLAN_SUPPRESS, Linux 6.4
constexpr std::uint16_t kPortBackupHop = 44;     // IFLA_BRPORT_BACKUP_NHID, Linux 6.6
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
    Name{IFLA_BRPORT_BACKUP_PORT, "backup_port"},
    Name{IFLA_BRPORT_MCAST_EHT_HOSTS_LIMIT, "mcast_eht_hosts_limit"},
    Name{kPortMab, "mab"},
    Name{kPortMaxGroups, "mcast_max_groups"},
    Name{kPortVlanSuppress, "neigh_vlan_suppress"},
    Name{kPortBackupHop, "backup_nhid"},
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
    case 8:  // of time, in hundredths of a second
      return static_cast<std::uint32_t>(
          std::min<std::uint64_t>(reader.u64(), std::numeric_limits<std::uint32_t>::max()));
    default:
      return std::nullopt;
  }
}

void read(AttributeReader& data, std::span<const Name> names, BridgeSettings& found) {
  for (const Name& name : names) {
    if (name.type != data.type()) continue;
    if (const auto value = number(data)) found[name.text] = *value;
  }
}

// Of the bits of a br_boolopt_multi (linux/if_bridge.h); those that have no name here by their number.
void read_options(AttributeReader& data, BridgeSettings& found) {
  br_boolopt_multi options{};
  if (data.bytes().size() != sizeof options) return;
  std::memcpy(&options, data.bytes().data(), sizeof options);
  for (unsigned bit = 0; bit < 32; ++bit) {
    if ((options.optmask & 1U << bit) == 0) continue;
    found[bit == BR_BOOLOPT_NO_LL_LEARN ? "no_linklocal_learn" : fmt::format("boolopt {}", bit)] =
        options.optval >> bit & 1U;
  }
}

}  // namespace

BridgeSettings bridge_settings(AttributeReader& data, BridgeSettings& further) {
  BridgeSettings found;
  while (data.next()) {
    read(data, kBridgeNames, found);
    read(data, kFurtherBridgeNames, further);
    if (data.type() == IFLA_BR_MULTI_BOOLOPT) read_options(data, further);
    // 01:80:c2:00:00:0x (br_changelink, net/bridge/br_netlink.c).
    if (data.type() == IFLA_BR_GROUP_ADDR && data.bytes().size() == MacAddress().bytes().size())
      further["group_address"] = data.bytes().back();
  }
  return found;
}

BridgeSettings bridge_port_settings(AttributeReader& data) {
  BridgeSettings found;
  while (data.next()) read(data, kPortNames, found);
  // That there is one: indexes differ from build to build.
  if (const auto backup = found.find("backup_port"); backup != found.end() && backup->second != 0) backup->second = 1;
  return found;
}

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
  const auto add = [&row](const char* what, std::uint32_t value) {
    row.entry.otherwise += fmt::format("{}{} {}", row.entry.otherwise.empty() ? "" : " ", what, value);
  };
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
      case NDA_PORT:
        add("port", ntohs(reader.u16()));
        break;
      case NDA_VNI:
        add("vni", reader.u32());
        break;
      case NDA_NH_ID:
        add("nhid", reader.u32());
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWNEIGH"));
  return row;
}

}  // namespace netns_lab::netlink
