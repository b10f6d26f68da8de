// The per-interface settings of a namespace as the kernel keeps them: what net.ipv{4,6}.conf.IF.* and
// net.ipv{4,6}.neigh.IF.* show, some 130 files an interface, in two dumps (IFLA_AF_SPEC of RTM_GETLINK,
// RTM_GETNEIGHTBL).
//
// The values stay opaque: two interfaces whose bytes are equal have equal sysctls, whatever their names and namespaces.
// That is all they are for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

struct LinkSettings {
  std::uint32_t link_index = 0;
  std::string link;
  std::string ipv4;  // IFLA_INET_CONF; empty where the interface has no such settings
  std::string ipv6;  // IFLA_INET6_CONF; without what the kernel does not tell: stable_secret and some newer ones
  std::string arp;   // NDTA_PARMS of arp_cache, without what is random or counted
  std::string nd;    // … of ndisc_cache
  bool operator==(const LinkSettings&) const = default;
};

Result<std::vector<LinkSettings>> list_link_settings(NetlinkSocket& socket);
// The first four fields, of an RTM_NEWLINK.
Result<LinkSettings> decode_link_settings(const MessageView& message);

struct NeighbourSettings {
  std::uint32_t link_index = 0;  // 0: the table's own, not an interface's
  std::string table;             // "arp_cache", "ndisc_cache"
  std::string settings;
  bool operator==(const NeighbourSettings&) const = default;
};
Result<NeighbourSettings> decode_neighbour_settings(const MessageView& message);  // RTM_NEWNEIGHTBL

}  // namespace netns_lab::netlink
