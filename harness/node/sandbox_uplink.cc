#include "harness/node/sandbox_uplink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/monitor.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/netlink/route.h"
#include "harness/node/sandbox.h"

namespace netns_lab::node {
namespace {

using netlink::LinkRef;
using netlink::NetlinkSocket;

constexpr std::uint32_t kLoopbackIndex = 1;  // the first device of every namespace (net/core/dev.c)

constexpr std::uint32_t kNodeIndex = 2;     // the first after lo
constexpr std::uint32_t kOutsideIndex = 3;  // another one: see VethSpec::peer_index

// Locally administered addresses, so that a capture shows at a glance who is who.
MacAddress node_mac(const NodePlace& place) {
  if (place.of == 1) return MacAddress({0x02, 0x00, 0xc0, 0x00, 0x02, 0x02});
  return MacAddress({0x02, 0x00, 0x0a, 0x00, 0x00, static_cast<std::uint8_t>(10 * place.number)});
}
MacAddress outside_mac() { return MacAddress({0x02, 0x00, 0xc0, 0x00, 0x02, 0x01}); }
MacAddress port_mac(const NodePlace& place) {
  return MacAddress({0x02, 0x00, 0xc0, 0x00, 0x03, static_cast<std::uint8_t>(place.number)});
}
// One for each part of a segment: a bridge takes what is sent to its own.
MacAddress segment_mac(int first) {
  if (first == 1) return MacAddress({0x02, 0x00, 0x0a, 0x00, 0x00, 0x01});
  return MacAddress({0x02, 0x00, 0x0a, 0x00, 0x01, static_cast<std::uint8_t>(first)});
}

bool has_ipv6() { return ::access("/proc/sys/net/ipv6", F_OK) == 0; }

Result<UniqueFd> route_socket_in(const NetworkNamespace& network_namespace) {
  return socket_in(network_namespace, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

Result<void> execute_all(NetlinkSocket& socket, std::vector<netlink::Request> requests) {
  auto done = socket.execute_all(std::move(requests));
  if (!done) return tl::unexpected(std::move(done.error().error));
  return {};
}

// Without a link-local address of the kernel's own making, which would appear some time after the link is up.
Result<void> stop_address_generation(const NetworkNamespace& network_namespace, const std::string& link) {
  const std::string setting = "/proc/sys/net/ipv6/conf/" + link + "/addr_gen_mode";
  NETNS_LAB_ASSIGN(const UniqueFd file, open_in(network_namespace, setting, O_WRONLY));
  if (::write(file.get(), "1", 1) != 1) return tl::unexpected(Error::system("write 1 to " + setting, errno));
  return {};
}

netlink::Request raise(std::uint32_t link_index) {
  netlink::LinkChange change;
  change.up = true;
  return netlink::set_link(LinkRef::indexed(link_index), change);
}

// Raises one end and gives it its addresses.
Result<std::uint32_t> set_up_end(NetlinkSocket& socket, const EndAddresses& spec, bool ipv6) {
  NETNS_LAB_ASSIGN(const Link link, netlink::get_link(socket, LinkRef::named(kUplinkName)));
  std::vector<netlink::Request> requests;
  requests.push_back(raise(kLoopbackIndex));
  requests.push_back(raise(link.index));
  std::vector<std::string> prefixes = {spec.ipv4};
  if (ipv6) prefixes.insert(prefixes.end(), {spec.ipv6, spec.link_local});
  for (const std::string& text : prefixes) {
    NETNS_LAB_ASSIGN(const Prefix prefix, Prefix::parse(text));
    netlink::AddressSpec address;
    address.link_index = link.index;
    address.prefix = prefix;
    requests.push_back(netlink::add_address(address));
  }
  NETNS_LAB_TRY(execute_all(socket, std::move(requests)));
  return link.index;
}

Result<void> await_up(const NetworkNamespace& network_namespace, const std::vector<std::string>& names,
                      Deadline deadline) {
  NETNS_LAB_ASSIGN(UniqueFd events, route_socket_in(network_namespace));
  NETNS_LAB_ASSIGN(UniqueFd requests, route_socket_in(network_namespace));
  NETNS_LAB_ASSIGN(netlink::Monitor monitor, netlink::Monitor::adopt(std::move(events), std::move(requests)));
  return monitor.wait_until(
      [&names](const netlink::Links& links) {
        return std::all_of(names.begin(), names.end(), [&links](const std::string& name) {
          const Link* link = links.find(name);
          return link != nullptr && link->operstate == OperState::kUp;
        });
      },
      "the uplink to be UP", deadline);
}

Result<netlink::Request> default_route(const std::string& gateway, std::uint32_t link_index) {
  NETNS_LAB_ASSIGN(const Prefix via, Prefix::parse(gateway));
  Route route;
  route.destination = Prefix::default_route(via.address.family());
  NextHop hop;
  hop.link_index = link_index;
  hop.gateway = via.address;
  route.hops.push_back(hop);
  return netlink::add_route(route);
}

// The node's end has an index, too, that no port of the segment has (VethSpec::peer_index).
Result<void> create_pair(NetlinkSocket& near_end, const NetworkNamespace& outside, const NodePlace& place) {
  const bool is_alone = place.of == 1;
  netlink::VethSpec pair;
  pair.name = kUplinkName;
  pair.peer_name = is_alone ? kUplinkName : node_name(place.number);
  pair.peer_namespace = outside.fd();
  pair.index = kNodeIndex;
  pair.peer_index = kOutsideIndex + static_cast<std::uint32_t>(place.number) - 1;
  pair.mac = node_mac(place);
  pair.peer_mac = is_alone ? outside_mac() : port_mac(place);
  NETNS_LAB_TRY(near_end.execute(netlink::create_veth(pair)));
  return {};
}

Result<void> set_up_port(NetlinkSocket& far_end, const std::string& port) {
  NETNS_LAB_ASSIGN(const Link segment, netlink::get_link(far_end, LinkRef::named(kUplinkName)));
  NETNS_LAB_ASSIGN(const Link link, netlink::get_link(far_end, LinkRef::named(port)));
  netlink::LinkChange change;
  change.master = segment.index;
  change.up = true;
  NETNS_LAB_TRY(far_end.execute(netlink::set_link(LinkRef::indexed(link.index), change)));
  return {};
}

}  // namespace

std::string node_name(int number) { return fmt::format("node-{}", number); }

UplinkAddresses uplink_addresses(const NodePlace& place) {
  if (place.of == 1) {
    return {.node = {kNodeUplinkIpv4, kNodeUplinkIpv6, "fe80::2/64"},
            .outside = {kOutsideUplinkIpv4, kOutsideUplinkIpv6, "fe80::1/64"}};
  }
  const int host = 10 * place.number;
  return {.node = {fmt::format("10.0.0.{}/24", host), fmt::format("2001:db8:0:1::{}/64", host),
                   fmt::format("fe80::{}/64", host)},
          .outside = {"10.0.0.1/24", kOutsideUplinkIpv6, "fe80::1/64"}};
}

Result<bool> wire_uplink(const NetworkNamespace& outside, const NodePlace& place, Deadline deadline) {
  const bool ipv6 = has_ipv6();
  const bool is_alone = place.of == 1;
  const UplinkAddresses addresses = uplink_addresses(place);
  const std::string port = is_alone ? kUplinkName : node_name(place.number);
  NETNS_LAB_ASSIGN(const NetworkNamespace own, NetworkNamespace::current());
  NETNS_LAB_ASSIGN(NetlinkSocket near_end, NetlinkSocket::open(netlink::Protocol::kRoute));
  NETNS_LAB_ASSIGN(UniqueFd far_socket, route_socket_in(outside));
  NETNS_LAB_ASSIGN(NetlinkSocket far_end, NetlinkSocket::adopt(std::move(far_socket), netlink::Protocol::kRoute));

  NETNS_LAB_TRY(create_pair(near_end, outside, place));
  if (ipv6) {
    NETNS_LAB_TRY(stop_address_generation(own, kUplinkName));
    NETNS_LAB_TRY(stop_address_generation(outside, port));
  }
  if (is_alone) {
    NETNS_LAB_TRY(set_up_end(far_end, addresses.outside, ipv6));
  } else {
    NETNS_LAB_TRY(set_up_port(far_end, port));
  }
  NETNS_LAB_ASSIGN(const std::uint32_t index, set_up_end(near_end, addresses.node, ipv6));
  NETNS_LAB_TRY(await_up(own, {kUplinkName}, deadline));
  std::vector<std::string> far_links = {kUplinkName};
  if (!is_alone) far_links.push_back(port);
  NETNS_LAB_TRY(await_up(outside, far_links, deadline));

  std::vector<netlink::Request> routes;
  NETNS_LAB_ASSIGN(netlink::Request ipv4_route, default_route(addresses.outside.ipv4, index));
  routes.push_back(std::move(ipv4_route));
  if (ipv6) {
    NETNS_LAB_ASSIGN(netlink::Request ipv6_route, default_route(addresses.outside.ipv6, index));
    routes.push_back(std::move(ipv6_route));
  }
  NETNS_LAB_TRY(execute_all(near_end, std::move(routes)));
  return ipv6;
}

Result<void> make_segment(int first) {
  const bool ipv6 = has_ipv6();
  NETNS_LAB_ASSIGN(const NetworkNamespace own, NetworkNamespace::current());
  NETNS_LAB_ASSIGN(NetlinkSocket socket, NetlinkSocket::open(netlink::Protocol::kRoute));
  NETNS_LAB_TRY(socket.execute(netlink::create_link(kUplinkName, "bridge")));
  if (ipv6) NETNS_LAB_TRY(stop_address_generation(own, kUplinkName));
  netlink::LinkChange address;
  address.mac = segment_mac(first);  // else it would be the lowest of its ports', and change as they come
  NETNS_LAB_TRY(socket.execute(netlink::set_link(LinkRef::named(kUplinkName), address)));
  if (first == 1) {
    NETNS_LAB_TRY(set_up_end(socket, uplink_addresses({.number = 1, .of = 2}).outside, ipv6));
    return {};
  }
  NETNS_LAB_ASSIGN(const Link segment, netlink::get_link(socket, LinkRef::named(kUplinkName)));
  return socket.execute(raise(segment.index));
}

Result<void> take_in_other_parts() {
  const bool ipv6 = has_ipv6();
  NETNS_LAB_ASSIGN(const NetworkNamespace own, NetworkNamespace::current());
  NETNS_LAB_ASSIGN(NetlinkSocket socket, NetlinkSocket::open(netlink::Protocol::kRoute));
  NETNS_LAB_ASSIGN(const std::vector<Link> links, netlink::list_links(socket));
  for (const Link& link : links) {
    if (link.kind != "vlan") continue;
    if (ipv6) NETNS_LAB_TRY(stop_address_generation(own, link.name));
    NETNS_LAB_TRY(set_up_port(socket, link.name));
  }
  return {};
}

}  // namespace netns_lab::node
