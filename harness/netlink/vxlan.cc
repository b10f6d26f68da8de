#include "harness/netlink/vxlan.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstring>

namespace netns_lab::netlink {
namespace {

struct Name {
  std::uint16_t type;
  const char* text;
};

// Of one byte each but for those below; the flags among them that stand for themselves (IFLA_VXLAN_GBP, _GPE) hold
// nothing.
constexpr std::array kNames{
    Name{IFLA_VXLAN_LEARNING, "learning"},
    Name{IFLA_VXLAN_PROXY, "proxy"},
    Name{IFLA_VXLAN_RSC, "rsc"},
    Name{IFLA_VXLAN_L2MISS, "l2miss"},
    Name{IFLA_VXLAN_L3MISS, "l3miss"},
    Name{IFLA_VXLAN_COLLECT_METADATA, "external"},
    Name{IFLA_VXLAN_TTL, "ttl"},
    Name{IFLA_VXLAN_TOS, "tos"},
    Name{IFLA_VXLAN_UDP_CSUM, "udpcsum"},
    Name{IFLA_VXLAN_UDP_ZERO_CSUM6_TX, "udp6zerocsumtx"},
    Name{IFLA_VXLAN_UDP_ZERO_CSUM6_RX, "udp6zerocsumrx"},
    Name{IFLA_VXLAN_REMCSUM_TX, "remcsumtx"},
    Name{IFLA_VXLAN_REMCSUM_RX, "remcsumrx"},
    Name{IFLA_VXLAN_TTL_INHERIT, "ttl_inherit"},
    Name{IFLA_VXLAN_GBP, "gbp"},
    Name{IFLA_VXLAN_GPE, "gpe"},
    Name{IFLA_VXLAN_AGEING, "ageing"},
    Name{IFLA_VXLAN_LIMIT, "maxaddr"},
    Name{IFLA_VXLAN_DF, "df"},
};

constexpr std::uint16_t kLocalBypass = 31;  // IFLA_VXLAN_LOCALBYPASS, Linux 6.5

void put_flag(Request& request, std::uint16_t type, bool on) { request.put_u8(type, on ? 1 : 0); }

}  // namespace

Request create_vxlan(const VxlanSpec& spec) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO);
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  request.put_header(header);
  request.put_string(IFLA_IFNAME, spec.name);
  if (spec.mtu) request.put_u32(IFLA_MTU, *spec.mtu);
  if (spec.mac) request.put(IFLA_ADDRESS, *spec.mac);
  request.put_nested(IFLA_LINKINFO, [&] {
    request.put_string(IFLA_INFO_KIND, "vxlan");
    request.put_nested(IFLA_INFO_DATA, [&] {
      request.put_u32(IFLA_VXLAN_ID, spec.vni);
      request.put_u16(IFLA_VXLAN_PORT, htons(spec.port));
      request.put(spec.local.is_v4() ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, spec.local);
      if (spec.remote) request.put(spec.remote->is_v4() ? IFLA_VXLAN_GROUP : IFLA_VXLAN_GROUP6, *spec.remote);
      if (spec.link_index != 0) request.put_u32(IFLA_VXLAN_LINK, spec.link_index);
      put_flag(request, IFLA_VXLAN_LEARNING, spec.learning);
    });
  });
  return request;
}

VxlanSettings vxlan_settings(AttributeReader& data, BridgeSettings& further) {
  VxlanSettings settings;
  while (data.next()) {
    switch (data.type()) {
      case IFLA_VXLAN_ID:
        settings.vni = data.u32();
        break;
      case IFLA_VXLAN_PORT:
        settings.port = ntohs(data.u16());
        break;
      case IFLA_VXLAN_LOCAL:
      case IFLA_VXLAN_LOCAL6:
        settings.local = data.address();
        break;
      case IFLA_VXLAN_GROUP:
      case IFLA_VXLAN_GROUP6:
        settings.remote = data.address();
        break;
      case IFLA_VXLAN_LINK:
        settings.link_index = data.u32();
        break;
      case IFLA_VXLAN_PORT_RANGE:
        if (data.bytes().size() == sizeof(ifla_vxlan_port_range)) {
          ifla_vxlan_port_range range{};
          std::memcpy(&range, data.bytes().data(), sizeof range);
          further["srcport_low"] = ntohs(range.low);
          further["srcport_high"] = ntohs(range.high);
        }
        break;
      case IFLA_VXLAN_LABEL:
        further["flowlabel"] = ntohl(data.u32());
        break;
      case kLocalBypass:
        further["localbypass"] = data.u8();
        break;
      default:
        for (const Name& name : kNames) {
          if (name.type != data.type()) continue;
          const std::size_t size = data.bytes().size();
          settings.other[name.text] = size == 1 ? data.u8() : size == 4 ? data.u32() : 1;
        }
    }
  }
  return settings;
}

Request add_vxlan_forwarding(std::uint32_t link_index, const MacAddress& mac, const IpAddress& destination) {
  Request request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND);
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = static_cast<int>(link_index);
  header.ndm_state = NUD_PERMANENT | NUD_NOARP;
  header.ndm_flags = NTF_SELF;
  request.put_header(header);
  request.put(NDA_LLADDR, mac);
  request.put(NDA_DST, destination);
  return request;
}

}  // namespace netns_lab::netlink
