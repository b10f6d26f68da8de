#include "harness/netlink/link.h"

#include <net/if.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/bridge.h"
#include "harness/netlink/vxlan.h"

namespace netns_lab::netlink {
namespace {

ifinfomsg link_header(std::uint32_t index = 0) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = static_cast<int>(index);
  return header;
}

void set_flag(ifinfomsg& header, unsigned flag, bool on) {
  header.ifi_change |= flag;
  if (on) header.ifi_flags |= flag;
}

void put_reference(Request& request, const LinkRef& link) {
  if (link.index == 0) request.put_string(IFLA_IFNAME, link.name);
}

void put_single_queue(Request& request) {
  request.put_u32(IFLA_NUM_TX_QUEUES, 1);
  request.put_u32(IFLA_NUM_RX_QUEUES, 1);
}

// Without the 100-odd counters of every link, which nobody here reads.
void leave_out_statistics(Request& request) { request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS); }

constexpr auto kBridgeKind = "bridge";
constexpr auto kVxlanKind = "vxlan";

// Newer than the headers this is built with may be: Linux 5.19 and 6.3.
constexpr std::uint16_t kGroMaxSize = 58;
constexpr std::uint16_t kGsoIpv4MaxSize = 63;
constexpr std::uint16_t kGroIpv4MaxSize = 64;

// Of IFLA_AF_SPEC's IPv6; the unspecified address is none (net/ipv6/addrconf.c).
std::optional<IpAddress> token_of(AttributeReader& reader) {
  std::optional<IpAddress> token;
  while (reader.next()) {
    if (reader.type() == IFLA_INET6_TOKEN) token = reader.address();
  }
  if (token && token->is_unspecified()) token.reset();
  return token;
}

OperState oper_state(std::uint8_t value) {
  return value <= static_cast<std::uint8_t>(OperState::kUp) ? static_cast<OperState>(value) : OperState::kUnknown;
}

}  // namespace

Request create_veth(const VethSpec& spec) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO);
  ifinfomsg header = link_header(spec.index);
  if (spec.up) set_flag(header, IFF_UP, true);
  request.put_header(header);
  request.put_string(IFLA_IFNAME, spec.name);
  put_single_queue(request);
  if (spec.mtu) request.put_u32(IFLA_MTU, *spec.mtu);
  if (spec.mac) request.put(IFLA_ADDRESS, *spec.mac);
  if (spec.master) request.put_u32(IFLA_MASTER, *spec.master);
  if (spec.group != 0) request.put_u32(IFLA_GROUP, spec.group);
  request.put_nested(IFLA_LINKINFO, [&] {
    request.put_string(IFLA_INFO_KIND, "veth");
    request.put_nested(IFLA_INFO_DATA, [&] {
      request.put_nested(VETH_INFO_PEER, [&] {
        request.put_raw(link_header(spec.peer_index));
        request.put_string(IFLA_IFNAME, spec.peer_name);
        put_single_queue(request);
        if (spec.peer_namespace >= 0) {
          request.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(spec.peer_namespace));
        }
        if (spec.mtu) request.put_u32(IFLA_MTU, *spec.mtu);
        if (spec.peer_mac) request.put(IFLA_ADDRESS, *spec.peer_mac);
      });
    });
  });
  return request;
}

Request create_link(const std::string& name, const std::string& kind) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO);
  request.put_header(link_header());
  request.put_string(IFLA_IFNAME, name);
  request.put_nested(IFLA_LINKINFO, [&] { request.put_string(IFLA_INFO_KIND, kind); });
  return request;
}

Request create_vlan(const VlanSpec& spec) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.put_header(link_header(spec.index));
  request.put_string(IFLA_IFNAME, spec.name);
  request.put_u32(IFLA_LINK, spec.lower);
  if (spec.network_namespace >= 0) request.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(spec.network_namespace));
  request.put_nested(IFLA_LINKINFO, [&] {
    request.put_string(IFLA_INFO_KIND, "vlan");
    request.put_nested(IFLA_INFO_DATA, [&] { request.put_u16(IFLA_VLAN_ID, spec.id); });
  });
  return request;
}

Request set_link(const LinkRef& link, const LinkChange& change) {
  if (change.new_name && link.index == 0) {
    throw std::invalid_argument("a link is renamed by its index, not by its name " + link.name);
  }
  Request request(RTM_SETLINK, 0);
  ifinfomsg header = link_header(link.index);
  if (change.up) set_flag(header, IFF_UP, *change.up);
  if (change.arp) set_flag(header, IFF_NOARP, !*change.arp);
  request.put_header(header);
  put_reference(request, link);
  if (change.mtu) request.put_u32(IFLA_MTU, *change.mtu);
  if (change.mac) request.put(IFLA_ADDRESS, *change.mac);
  if (change.master) request.put_u32(IFLA_MASTER, *change.master);
  if (change.group) request.put_u32(IFLA_GROUP, *change.group);
  if (change.new_name) request.put_string(IFLA_IFNAME, *change.new_name);
  if (change.move_to) request.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(*change.move_to));
  return request;
}

Request delete_link(const LinkRef& link) {
  Request request(RTM_DELLINK, 0);
  request.put_header(link_header(link.index));
  put_reference(request, link);
  return request;
}

Request delete_links_of_group(std::uint32_t group) {
  if (group == 0) throw std::invalid_argument("group 0 is every link's: choose another to delete by");
  Request request(RTM_DELLINK, 0);
  request.put_header(link_header());
  request.put_u32(IFLA_GROUP, group);
  return request;
}

Request get_link_request(const LinkRef& link) {
  Request request(RTM_GETLINK, 0);
  request.put_header(link_header(link.index));
  put_reference(request, link);
  leave_out_statistics(request);
  return request;
}

Result<Link> get_link(NetlinkSocket& socket, const LinkRef& link) {
  Request request = get_link_request(link);
  NETNS_LAB_ASSIGN(const Replies replies, socket.exchange(request));
  if (replies.empty()) {
    return tl::unexpected(Error::internal(describe(request.view()), "acknowledged without an answer"));
  }
  return decode_link(replies[0]);
}

Result<std::vector<Link>> list_links(NetlinkSocket& socket) {
  Request request(RTM_GETLINK, 0);
  request.put_header(link_header());
  leave_out_statistics(request);
  NETNS_LAB_ASSIGN(const Replies replies, socket.dump(std::move(request)));
  NETNS_LAB_ASSIGN(std::vector<Link> links, decode_all<Link>(replies, decode_link));
  std::sort(links.begin(), links.end(), [](const Link& a, const Link& b) { return a.index < b.index; });
  return links;
}

Result<Link> decode_link(const MessageView& message) {
  NETNS_LAB_ASSIGN(const ifinfomsg header, read_header<ifinfomsg>(message, "RTM_NEWLINK"));
  Link link;
  link.index = static_cast<std::uint32_t>(header.ifi_index);
  link.flags = header.ifi_flags;
  AttributeReader reader(after_header<ifinfomsg>(message));
  while (reader.next()) {
    switch (reader.type()) {
      case IFLA_IFNAME:
        link.name = reader.string();
        break;
      case IFLA_ADDRESS:
        link.mac = reader.mac().value_or(MacAddress());
        break;
      case IFLA_BROADCAST:
        link.broadcast = reader.mac().value_or(MacAddress());
        break;
      case IFLA_MTU:
        link.mtu = reader.u32();
        break;
      case IFLA_OPERSTATE:
        link.operstate = oper_state(reader.u8());
        break;
      case IFLA_CARRIER:
        link.carrier = reader.u8() != 0;
        break;
      case IFLA_MASTER:
        link.master = reader.u32();
        break;
      case IFLA_LINK:
        link.peer_index = reader.u32();
        break;
      case IFLA_LINK_NETNSID:
        link.peer_netnsid = reader.s32();
        break;
      case IFLA_GROUP:
        link.group = reader.u32();
        break;
      case IFLA_PROMISCUITY:
        link.promiscuity = reader.u32();
        break;
      case IFLA_QDISC:
        link.qdisc = reader.string();
        break;
      case IFLA_IFALIAS:
        link.alias = reader.string();
        break;
      case IFLA_PROP_LIST:
        reader.nested([&](AttributeReader& inner) {
          while (inner.next()) {
            if (inner.type() == IFLA_ALT_IFNAME) link.alternative_names.push_back(inner.string());
          }
        });
        break;
      case IFLA_TXQLEN:
        link.settings["txqueuelen"] = reader.u32();
        break;
      case IFLA_NUM_TX_QUEUES:
        link.settings["numtxqueues"] = reader.u32();
        break;
      case IFLA_NUM_RX_QUEUES:
        link.settings["numrxqueues"] = reader.u32();
        break;
      case IFLA_GSO_MAX_SIZE:
        link.settings["gso_max_size"] = reader.u32();
        break;
      case IFLA_GSO_MAX_SEGS:
        link.settings["gso_max_segs"] = reader.u32();
        break;
      case kGroMaxSize:
        link.settings["gro_max_size"] = reader.u32();
        break;
      case kGsoIpv4MaxSize:
        link.settings["gso_ipv4_max_size"] = reader.u32();
        break;
      case kGroIpv4MaxSize:
        link.settings["gro_ipv4_max_size"] = reader.u32();
        break;
      case IFLA_LINKMODE:
        link.settings["mode"] = reader.u8();
        break;
      case IFLA_PROTO_DOWN:
        link.settings["protodown"] = reader.u8();
        break;
      case IFLA_AF_SPEC:
        reader.nested([&](AttributeReader& family) {
          while (family.next()) {
            if (family.type() == AF_INET6) family.nested([&](AttributeReader& inner) { link.token = token_of(inner); });
          }
        });
        break;
      case IFLA_XDP:
        reader.nested([&](AttributeReader& inner) {
          while (inner.next()) {
            if (inner.type() == IFLA_XDP_ATTACHED) link.xdp_attached = inner.u8() != XDP_ATTACHED_NONE;
          }
        });
        break;
      case IFLA_LINKINFO:
        reader.nested([&](AttributeReader& inner) {
          std::string master_kind;
          while (inner.next()) {  // the kinds come before their data (rtnl_link_fill, net/core/rtnetlink.c)
            if (inner.type() == IFLA_INFO_KIND) link.kind = inner.string();
            if (inner.type() == IFLA_INFO_SLAVE_KIND) master_kind = inner.string();
            if (inner.type() == IFLA_INFO_DATA && link.kind == kBridgeKind)
              inner.nested([&](AttributeReader& data) { link.bridge = bridge_settings(data, link.settings); });
            if (inner.type() == IFLA_INFO_DATA && link.kind == kVxlanKind)
              inner.nested([&](AttributeReader& data) { link.vxlan = vxlan_settings(data, link.settings); });
            if (inner.type() == IFLA_INFO_SLAVE_DATA && master_kind == kBridgeKind)
              inner.nested([&](AttributeReader& data) { link.bridge_port = bridge_port_settings(data); });
          }
        });
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWLINK"));
  return link;
}

}  // namespace netns_lab::netlink
