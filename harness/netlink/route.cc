#include "harness/netlink/route.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include <array>
#include <cstring>
#include <utility>

#include "harness/base/text.h"
#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

constexpr std::uint8_t kHighPreference = 1;  // ICMPV6_ROUTER_PREF_HIGH, linux/icmpv6.h

std::uint8_t family_number(const IpAddress& address) {
  return static_cast<std::uint8_t>(address_family(address.family()));
}

// A gateway of the destination's family is RTA_GATEWAY; of the other one (RFC 5549) RTA_VIA: family, then address.
void put_gateway(Request& request, const Route& route, const IpAddress& gateway) {
  if (gateway.family() == route.destination.address.family()) {
    request.put(RTA_GATEWAY, gateway);
    return;
  }
  std::array<std::uint8_t, sizeof(std::uint16_t) + 16> via{};
  const std::uint16_t family = family_number(gateway);
  std::memcpy(via.data(), &family, sizeof family);
  std::memcpy(via.data() + sizeof family, gateway.bytes().data(), gateway.size());
  request.put_bytes(RTA_VIA, Bytes(via).first(sizeof family + gateway.size()));
}

std::optional<IpAddress> read_via(AttributeReader& reader) {
  const Bytes bytes = reader.bytes();
  const std::size_t size = bytes.size() < 2 ? 0 : bytes.size() - 2;
  if (size != 4 && size != 16) {
    reader.fail(fmt::format("RTA_VIA has {} bytes", bytes.size()));
    return std::nullopt;
  }
  return IpAddress::from_bytes(bytes.subspan(2));
}

Scope scope_of(const Route& route, bool deleting) {
  const bool direct = route.hops.size() != 1 || !route.hops.front().gateway;
  if (!route.destination.address.is_v4() || route.scope != Scope::kGlobal) return route.scope;
  if (route.type == RouteType::kLocal) return Scope::kHost;
  if (route.type == RouteType::kBroadcast) return Scope::kLink;
  if (deleting) return Scope::kNowhere;  // any
  return route.type == RouteType::kUnicast && direct && route.hops.size() == 1 ? Scope::kLink : Scope::kGlobal;
}

Request route_request(const Route& route, std::uint16_t type, std::uint16_t flags) {
  const bool deleting = type == RTM_DELROUTE;
  Request request(type, flags);
  rtmsg header{};
  header.rtm_family = family_number(route.destination.address);
  header.rtm_dst_len = route.destination.length;
  header.rtm_src_len = route.source ? route.source->length : std::uint8_t{0};
  header.rtm_tos = route.tos;
  header.rtm_table = route.table < 256 ? static_cast<std::uint8_t>(route.table) : std::uint8_t{RT_TABLE_COMPAT};
  header.rtm_protocol = route.protocol;
  header.rtm_scope = static_cast<std::uint8_t>(scope_of(route, deleting));
  header.rtm_type = static_cast<std::uint8_t>(route.type);
  if (route.hops.size() == 1) header.rtm_flags = route.hops.front().flags & RTNH_F_ONLINK;
  request.put_header(header);
  if (route.destination.length != 0) request.put(RTA_DST, route.destination.address);
  if (route.source) request.put(RTA_SRC, route.source->address);
  request.put_u32(RTA_TABLE, route.table);
  if (route.metric != 0) request.put_u32(RTA_PRIORITY, route.metric);
  if (route.preferred_source) request.put(RTA_PREFSRC, *route.preferred_source);
  if (route.mtu) request.put_nested(RTA_METRICS, [&] { request.put_u32(RTAX_MTU, *route.mtu); });
  if (route.hops.size() == 1) {
    const NextHop& hop = route.hops.front();
    if (hop.gateway) put_gateway(request, route, *hop.gateway);
    if (hop.link_index != 0) request.put_u32(RTA_OIF, hop.link_index);
  } else if (!route.hops.empty()) {
    request.put_nested(RTA_MULTIPATH, [&] {
      for (const NextHop& hop : route.hops) {
        rtnexthop next{};
        next.rtnh_ifindex = static_cast<int>(hop.link_index);
        next.rtnh_hops = static_cast<std::uint8_t>(hop.weight == 0 ? 0 : hop.weight - 1);
        next.rtnh_flags = static_cast<std::uint8_t>(hop.flags & RTNH_F_ONLINK);
        const std::size_t start = request.put_raw(next);
        if (hop.gateway) put_gateway(request, route, *hop.gateway);
        request.patch_length(start);
      }
    });
  }
  return request;
}

// What a route does beside choosing the way. Of an encapsulation only its kind (LWTUNNEL_ENCAP_*, linux/lwtunnel.h).
void read_extra(AttributeReader& reader, Route& route) {
  switch (reader.type()) {
    case RTA_ENCAP_TYPE:
      route.other_metrics["encap"] = fmt::format("type {}", reader.u16());
      break;
    case RTA_FLOW:
      route.other_metrics["realms"] = fmt::format("{}", reader.u32());
      break;
    case RTA_PREF:
      if (const std::uint8_t preference = reader.u8(); preference != 0)
        route.other_metrics["pref"] = preference == kHighPreference ? "high" : "low";
      break;
    default:
      break;
  }
}

bool expires(AttributeReader& reader) {
  rta_cacheinfo info{};
  if (reader.bytes().size() < sizeof info) return false;
  std::memcpy(&info, reader.bytes().data(), sizeof info);
  return info.rta_expires != 0;
}

// rtnexthop structures, each with its own attributes (linux/rtnetlink.h).
void read_multipath(AttributeReader& reader, Route& route) {
  Bytes rest = reader.bytes();
  while (!rest.empty()) {
    rtnexthop next;
    if (rest.size() < sizeof next) return reader.fail(fmt::format("a next hop of {} bytes", rest.size()));
    std::memcpy(&next, rest.data(), sizeof next);
    if (next.rtnh_len < sizeof next || next.rtnh_len > rest.size()) {
      return reader.fail(fmt::format("a next hop claims {} bytes where {} are left", next.rtnh_len, rest.size()));
    }
    NextHop hop;
    hop.link_index = static_cast<std::uint32_t>(next.rtnh_ifindex);
    hop.weight = std::uint32_t{next.rtnh_hops} + 1;
    hop.flags = next.rtnh_flags;
    AttributeReader inner(rest.subspan(sizeof next, next.rtnh_len - sizeof next));
    while (inner.next()) {
      if (inner.type() == RTA_GATEWAY) hop.gateway = inner.address();
      if (inner.type() == RTA_VIA) hop.gateway = read_via(inner);
      read_extra(inner, route);
    }
    if (!inner.ok()) return reader.fail(inner.error("next hop").detail);
    route.hops.push_back(std::move(hop));
    rest = rest.subspan(std::min<std::size_t>(NLMSG_ALIGN(std::size_t{next.rtnh_len}), rest.size()));
  }
}

// As ip-route(8) names them.
constexpr std::array<const char*, RTAX_MAX + 1> kMetricNames = {
    "",         "lock",    "mtu",      "window",     "rtt",      "rttvar",
    "ssthresh", "cwnd",    "advmss",   "reordering", "hoplimit", "initcwnd",
    "features", "rto_min", "initrwnd", "quickack",   "congctl",  "fastopen_no_cookie"};

void read_metrics(AttributeReader& metrics, Route& route) {
  while (metrics.next()) {
    const std::uint16_t type = metrics.type();
    if (type == RTAX_MTU) {
      route.mtu = metrics.u32();
    } else if (type == RTAX_CC_ALGO) {
      route.other_metrics["congctl"] = visible(metrics.string(), 40);
    } else {
      const bool is_known = type < kMetricNames.size() && *kMetricNames[type] != '\0';
      const std::string name = is_known ? kMetricNames[type] : fmt::format("metric-{}", type);
      route.other_metrics[name] = std::to_string(metrics.u32());
    }
  }
}

Result<void> list_family(NetlinkSocket& socket, Family family, std::vector<Route>& routes) {
  Request request(RTM_GETROUTE, 0);
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(address_family(family));
  request.put_header(header);
  NETNS_LAB_ASSIGN(const Replies replies, socket.dump(std::move(request)));
  routes.reserve(routes.size() + replies.size());
  for (std::size_t i = 0; i < replies.size(); ++i) {
    NETNS_LAB_ASSIGN(Route route, decode_route(replies[i]));
    // A kernel without the family answers for all it has.
    if (route.destination.address.family() == family) routes.push_back(std::move(route));
  }
  return {};
}

}  // namespace

Request add_route(const Route& route) { return route_request(route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL); }
Request delete_route(const Route& route) { return route_request(route, RTM_DELROUTE, 0); }

Result<std::vector<Route>> list_routes(NetlinkSocket& socket) {
  std::vector<Route> routes;
  NETNS_LAB_TRY(list_family(socket, Family::kIpv4, routes));
  NETNS_LAB_TRY(list_family(socket, Family::kIpv6, routes));
  return routes;
}

Result<std::vector<Route>> list_routes(NetlinkSocket& socket, Family family) {
  std::vector<Route> routes;
  NETNS_LAB_TRY(list_family(socket, family, routes));
  return routes;
}

Result<Route> decode_route(const MessageView& message) {
  NETNS_LAB_ASSIGN(const rtmsg header, read_header<rtmsg>(message, "RTM_NEWROUTE"));
  if (header.rtm_family != AF_INET && header.rtm_family != AF_INET6) {
    return tl::unexpected(Error::internal("decode RTM_NEWROUTE", fmt::format("address family {}", header.rtm_family)));
  }
  const Family family = header.rtm_family == AF_INET ? Family::kIpv4 : Family::kIpv6;
  Route route;
  route.destination = {IpAddress::unspecified(family), header.rtm_dst_len};
  route.type = static_cast<RouteType>(header.rtm_type);
  route.table = header.rtm_table;
  route.protocol = header.rtm_protocol;
  route.scope = static_cast<Scope>(header.rtm_scope);
  route.tos = header.rtm_tos;
  route.flags = header.rtm_flags;
  NextHop hop;
  hop.flags = header.rtm_flags & 0xFFU;  // RTNH_F_*; the rest is RTM_F_*
  std::optional<IpAddress> source;
  AttributeReader reader(after_header<rtmsg>(message));
  while (reader.next()) {
    switch (reader.type()) {
      case RTA_DST:
        route.destination.address = reader.address().value_or(route.destination.address);
        break;
      case RTA_SRC:
        source = reader.address();
        break;
      case RTA_OIF:
        hop.link_index = reader.u32();
        break;
      case RTA_GATEWAY:
        hop.gateway = reader.address();
        break;
      case RTA_VIA:
        hop.gateway = read_via(reader);
        break;
      case RTA_PRIORITY:
        route.metric = reader.u32();
        break;
      case RTA_PREFSRC:
        route.preferred_source = reader.address();
        break;
      case RTA_TABLE:
        route.table = reader.u32();
        break;
      case RTA_METRICS:
        reader.nested([&](AttributeReader& inner) { read_metrics(inner, route); });
        break;
      case RTA_MULTIPATH:
        read_multipath(reader, route);
        break;
      case RTA_CACHEINFO:
        if (expires(reader)) route.other_metrics["expires"] = "some time";
        break;
      default:
        read_extra(reader, route);
        break;
    }
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWROUTE"));
  const auto bad_prefix = [family](const IpAddress& address, unsigned length) {
    return address.family() != family || length > address.bits();
  };
  if (bad_prefix(route.destination.address, header.rtm_dst_len) ||
      (source && bad_prefix(*source, header.rtm_src_len))) {
    return tl::unexpected(Error::internal("decode RTM_NEWROUTE", "its prefix does not fit its address family"));
  }
  if (source) route.source = Prefix{*source, header.rtm_src_len};
  if (route.hops.empty() && (hop.link_index != 0 || hop.gateway)) route.hops.push_back(hop);
  return route;
}

}  // namespace netns_lab::netlink
