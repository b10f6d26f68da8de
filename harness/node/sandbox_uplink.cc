#include "harness/node/sandbox_uplink.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

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

constexpr auto kAddressGeneration = "/proc/sys/net/ipv6/conf/eth0/addr_gen_mode";
constexpr std::uint32_t kLoopbackIndex = 1;  // the first device of every namespace (net/core/dev.c)

constexpr std::uint32_t kNodeIndex = 2;     // the first after lo
constexpr std::uint32_t kOutsideIndex = 3;  // another one: see VethSpec::peer_index

// Locally administered addresses, so that a capture shows at a glance who is who.
MacAddress node_mac() { return MacAddress({0x02, 0x00, 0xc0, 0x00, 0x02, 0x02}); }
MacAddress outside_mac() { return MacAddress({0x02, 0x00, 0xc0, 0x00, 0x02, 0x01}); }

Result<UniqueFd> route_socket_in(const NetworkNamespace& network_namespace) {
  return socket_in(network_namespace, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

Result<void> execute_all(NetlinkSocket& socket, std::vector<netlink::Request> requests) {
  auto done = socket.execute_all(std::move(requests));
  if (!done) return tl::unexpected(std::move(done.error().error));
  return {};
}

// Without a link-local address of the kernel's own making, which would appear some time after the link is up.
Result<void> stop_address_generation(const NetworkNamespace& network_namespace) {
  NETNS_LAB_ASSIGN(const UniqueFd file, open_in(network_namespace, kAddressGeneration, O_WRONLY));
  if (::write(file.get(), "1", 1) != 1)
    return tl::unexpected(Error::system(std::string("write 1 to ") + kAddressGeneration, errno));
  return {};
}

netlink::Request raise(std::uint32_t link_index) {
  netlink::LinkChange change;
  change.up = true;
  return netlink::set_link(LinkRef::indexed(link_index), change);
}

struct EndSpec {
  const char* ipv4;
  const char* ipv6;
  const char* link_local;
};

// Raises one end and gives it its addresses.
Result<std::uint32_t> set_up_end(NetlinkSocket& socket, const EndSpec& spec, bool ipv6) {
  NETNS_LAB_ASSIGN(const Link link, netlink::get_link(socket, LinkRef::named(kUplinkName)));
  std::vector<netlink::Request> requests;
  requests.push_back(raise(kLoopbackIndex));
  requests.push_back(raise(link.index));
  std::vector<const char*> prefixes = {spec.ipv4};
  if (ipv6) prefixes.insert(prefixes.end(), {spec.ipv6, spec.link_local});
  for (const char* text : prefixes) {
    NETNS_LAB_ASSIGN(const Prefix prefix, Prefix::parse(text));
    netlink::AddressSpec address;
    address.link_index = link.index;
    address.prefix = prefix;
    requests.push_back(netlink::add_address(address));
  }
  NETNS_LAB_TRY(execute_all(socket, std::move(requests)));
  return link.index;
}

Result<void> await_up(const NetworkNamespace& network_namespace, Deadline deadline) {
  NETNS_LAB_ASSIGN(UniqueFd events, route_socket_in(network_namespace));
  NETNS_LAB_ASSIGN(UniqueFd requests, route_socket_in(network_namespace));
  NETNS_LAB_ASSIGN(netlink::Monitor monitor, netlink::Monitor::adopt(std::move(events), std::move(requests)));
  return monitor.wait_until(
      [](const netlink::Links& links) {
        const Link* link = links.find(kUplinkName);
        return link != nullptr && link->operstate == OperState::kUp;
      },
      "the uplink to be UP", deadline);
}

Result<netlink::Request> default_route(const char* gateway, std::uint32_t link_index) {
  NETNS_LAB_ASSIGN(const Prefix via, Prefix::parse(gateway));
  Route route;
  route.destination = Prefix::default_route(via.address.family());
  NextHop hop;
  hop.link_index = link_index;
  hop.gateway = via.address;
  route.hops.push_back(hop);
  return netlink::add_route(route);
}

}  // namespace

Result<bool> wire_uplink(const NetworkNamespace& outside, Deadline deadline) {
  const bool ipv6 = ::access("/proc/sys/net/ipv6", F_OK) == 0;
  NETNS_LAB_ASSIGN(const NetworkNamespace own, NetworkNamespace::current());
  NETNS_LAB_ASSIGN(NetlinkSocket near_end, NetlinkSocket::open(netlink::Protocol::kRoute));
  NETNS_LAB_ASSIGN(UniqueFd far_socket, route_socket_in(outside));
  NETNS_LAB_ASSIGN(NetlinkSocket far_end, NetlinkSocket::adopt(std::move(far_socket), netlink::Protocol::kRoute));

  netlink::VethSpec pair;
  pair.name = kUplinkName;
  pair.peer_name = kUplinkName;
  pair.peer_namespace = outside.fd();
  pair.index = kNodeIndex;
  pair.peer_index = kOutsideIndex;
  pair.mac = node_mac();
  pair.peer_mac = outside_mac();
  NETNS_LAB_TRY(near_end.execute(netlink::create_veth(pair)));
  if (ipv6) {
    NETNS_LAB_TRY(stop_address_generation(own));
    NETNS_LAB_TRY(stop_address_generation(outside));
  }
  NETNS_LAB_TRY(set_up_end(far_end, {kOutsideUplinkIpv4, kOutsideUplinkIpv6, "fe80::1/64"}, ipv6));
  NETNS_LAB_ASSIGN(const std::uint32_t index,
                   set_up_end(near_end, {kNodeUplinkIpv4, kNodeUplinkIpv6, "fe80::2/64"}, ipv6));
  NETNS_LAB_TRY(await_up(own, deadline));
  NETNS_LAB_TRY(await_up(outside, deadline));

  std::vector<netlink::Request> routes;
  NETNS_LAB_ASSIGN(netlink::Request ipv4_route, default_route(kOutsideUplinkIpv4, index));
  routes.push_back(std::move(ipv4_route));
  if (ipv6) {
    NETNS_LAB_ASSIGN(netlink::Request ipv6_route, default_route(kOutsideUplinkIpv6, index));
    routes.push_back(std::move(ipv6_route));
  }
  NETNS_LAB_TRY(execute_all(near_end, std::move(routes)));
  return ipv6;
}

}  // namespace netns_lab::node
