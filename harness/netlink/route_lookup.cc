#include "harness/netlink/route_lookup.h"

#include <linux/rtnetlink.h>

#include <utility>

#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/route.h"

namespace netns_lab::netlink {

Request route_lookup_request(const RouteQuery& query, std::uint32_t input_link_index) {
  Request request(RTM_GETROUTE, 0);
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(address_family(query.destination.family()));
  header.rtm_dst_len = static_cast<std::uint8_t>(query.destination.bits());
  header.rtm_src_len = query.source ? static_cast<std::uint8_t>(query.source->bits()) : std::uint8_t{0};
  // The answer then names the table it was found in. IPv6 always does, and refuses the flag
  // (inet6_rtm_valid_getroute_req, net/ipv6/route.c).
  if (query.destination.is_v4()) header.rtm_flags = RTM_F_LOOKUP_TABLE;
  request.put_header(header);
  request.put(RTA_DST, query.destination);
  if (query.source) request.put(RTA_SRC, *query.source);
  if (input_link_index != 0) request.put_u32(RTA_IIF, input_link_index);
  if (query.mark != 0) request.put_u32(RTA_MARK, query.mark);
  return request;
}

Result<RouteAnswer> look_up_route(NetlinkSocket& socket, const RouteQuery& query, std::uint32_t input_link_index) {
  const Request request = route_lookup_request(query, input_link_index);
  const auto replies = socket.exchange(request);
  if (!replies && replies.error().kind == ErrorKind::kSystem && replies.error().system_errno != ENOBUFS) {
    RouteAnswer refused;
    refused.system_errno = replies.error().system_errno;
    refused.kernel_text = replies.error().detail;
    return refused;
  }
  if (!replies) return tl::unexpected(replies.error());
  if (replies->empty()) {
    return tl::unexpected(Error::internal(describe(request.view()), "acknowledged without an answer"));
  }
  return decode_route_answer((*replies)[0]);
}

Result<RouteAnswer> decode_route_answer(const MessageView& message) {
  NETNS_LAB_ASSIGN(const Route route, decode_route(message));
  RouteAnswer answer;
  answer.type = route.type;
  answer.table = route.table;
  answer.preferred_source = route.preferred_source;
  answer.mtu = route.mtu;
  if (!route.hops.empty()) {
    answer.output_link_index = route.hops.front().link_index;
    answer.gateway = route.hops.front().gateway;
  }
  return answer;
}

}  // namespace netns_lab::netlink
