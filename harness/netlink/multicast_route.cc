#include "harness/netlink/multicast_route.h"

#include <fmt/format.h>

#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

std::vector<std::uint32_t> links_of(Bytes hops) {
  std::vector<std::uint32_t> links;
  while (hops.size() >= sizeof(rtnexthop)) {
    rtnexthop hop{};
    std::memcpy(&hop, hops.data(), sizeof hop);
    links.push_back(static_cast<std::uint32_t>(hop.rtnh_ifindex));
    const std::size_t length = RTNH_ALIGN(hop.rtnh_len);
    if (hop.rtnh_len < sizeof hop || length > hops.size()) break;
    hops = hops.subspan(length);
  }
  return links;
}

}  // namespace

Result<std::optional<MulticastRoute>> decode_multicast_route(const MessageView& message) {
  NETNS_LAB_ASSIGN(const rtmsg header, read_header<rtmsg>(message, "RTM_NEWROUTE"));
  if (header.rtm_family != RTNL_FAMILY_IPMR && header.rtm_family != RTNL_FAMILY_IP6MR) return std::nullopt;
  if ((header.rtm_flags & RTNH_F_UNRESOLVED) != 0) return std::nullopt;
  MulticastRoute route;
  std::string group = "any";
  std::string source;
  std::uint32_t table = header.rtm_table;
  AttributeReader reader(after_header<rtmsg>(message));
  while (reader.next()) {
    switch (reader.type()) {
      case RTA_DST:
        if (const auto address = reader.address()) group = address->to_string();
        break;
      case RTA_SRC:
        if (const auto address = reader.address()) source = " from " + address->to_string();
        break;
      case RTA_TABLE:
        table = reader.u32();
        break;
      case RTA_IIF:
        route.link_index = reader.u32();
        break;
      case RTA_MULTIPATH:
        route.to = links_of(reader.bytes());
        break;
      default:  // what is counted, and when it was last used
        break;
    }
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWROUTE"));
  route.object = {"multicast route", group + source, fmt::format("table {}", table)};
  return route;
}

Result<std::vector<MulticastRoute>> list_multicast_routes(NetlinkSocket& socket) {
  std::vector<MulticastRoute> routes;
  for (const std::uint8_t family : {std::uint8_t{RTNL_FAMILY_IPMR}, std::uint8_t{RTNL_FAMILY_IP6MR}}) {
    Request request(RTM_GETROUTE, 0);
    rtmsg header{};
    header.rtm_family = family;
    request.put_header(header);
    const auto replies = socket.dump(std::move(request));
    if (!replies && replies.error().system_errno == EOPNOTSUPP) continue;
    if (!replies) return tl::unexpected(replies.error());
    for (std::size_t i = 0; i < replies->size(); ++i) {
      NETNS_LAB_ASSIGN(std::optional<MulticastRoute> route, decode_multicast_route((*replies)[i]));
      // A kernel without the family answers for all it has.
      if (route && (*replies)[i].payload[0] == family) routes.push_back(*std::move(route));
    }
  }
  return routes;
}

}  // namespace netns_lab::netlink
