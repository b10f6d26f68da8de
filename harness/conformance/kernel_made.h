// What the kernel adds by itself: link-local addresses, and the routes that follow from addresses and links. None of it
// is anybody's finding.
#pragma once

#include <string>
#include <vector>

#include "harness/model/snapshot.h"

namespace netns_lab {

// fe80::/64 with the interface identifier made from the link's MAC address (RFC 4291, appendix A; addrconf_ifid_eui48).
// A link whose MAC was changed after it was raised (udev does so) has the one made from the MAC it had then. Where the
// link's addr_gen_mode says so (sysctl net.ipv6.conf.LINK.addr_gen_mode 2 or 3, RFC 7217): any fe80::/64 address of it.
bool is_kernel_made_address(const InterfaceAddress& address, const NamespaceState& state);

// Local, broadcast, anycast, multicast and connected routes that the kernel derives from an address or an IPv6 link of
// `state` (net/ipv4/fib_frontend.c, net/ipv6/addrconf.c).
bool is_kernel_made_route(const Route& route, const NamespaceState& state);

// A bridge takes in what comes for its own MAC address and for its ports' (br_fdb_add_local, net/bridge/br_fdb.c).
bool is_kernel_made_forwarding(const ForwardingEntry& entry, const NamespaceState& state);

// What the kernel has added for the links and addresses of `state` and somebody took away again, a phrase each ("the
// local route of 10.200.1.1"): on a link that is up, the local routes of its addresses (without them what comes for an
// address is not taken in), the multicast and link-local routes of IPv6, and lo's own addresses and routes.
std::vector<std::string> missing_kernel_addresses(const NamespaceState& state, const std::string& link);
std::vector<std::string> missing_kernel_routes(const NamespaceState& state, const std::string& link);

// Is the link one that the kernel gives an IPv6 link-local address (up with carrier, IPv6 on, addr_gen_mode 0; as far
// as the sysctls of `state` tell), and has none?
bool lacks_link_local(const NamespaceState& state, const Link& link);

// A TUN link has packets but no frames (ARPHRD_NONE): its link-local address is a random one (ipv6_add_dev,
// net/ipv6/addrconf.c).
bool has_no_link_address(const Link& link);

// The modified EUI-64 link-local address of a MAC.
IpAddress link_local_of(const MacAddress& mac);

}  // namespace netns_lab
