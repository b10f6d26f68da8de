// Interfaces: RTM_NEWLINK, RTM_SETLINK, RTM_DELLINK, RTM_GETLINK (linux/if_link.h, linux/rtnetlink.h,
// net/core/rtnetlink.c).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/link.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// An interface by its index or by its name.
struct LinkRef {
  std::uint32_t index = 0;  // 0: by name
  std::string name;
  static LinkRef indexed(std::uint32_t index) { return {index, {}}; }
  static LinkRef named(std::string name) { return {0, std::move(name)}; }
};

// A veth pair, both ends placed and named by one message.
struct VethSpec {
  std::string name;
  std::string peer_name;
  int peer_namespace = -1;           // descriptor of a network namespace; -1: the socket's own
  std::optional<std::uint32_t> mtu;  // both ends, bytes
  std::optional<MacAddress> mac;
  std::optional<MacAddress> peer_mac;
  std::optional<std::uint32_t> master;  // index of the near end's bridge: far cheaper here than afterwards
  // Wanted indexes of the ends; 0: the kernel chooses. Give both or none: the kernel takes the far end's only with the
  // near end's (drivers/net/veth.c). Ends of the same index, as two fresh namespaces give them, can wait up to 1 s for
  // operstate UP: linkwatch_urgent_event() takes such a link for no pair.
  std::uint32_t index = 0;
  std::uint32_t peer_index = 0;
  std::uint32_t group = 0;
  bool up =
      false;  // raises the near end. The far end cannot be raised here (ENOTCONN): raise it from its own namespace
};
// One queue each way: the kernel's default of one per processor costs half as much again. NLM_F_ECHO is set: kernels
// from 6.2 answer with the new link, whose peer_index is the far end's; older ones do not (ask by name then).
Request create_veth(const VethSpec& spec);
// A kind without parameters: "bridge", "dummy", "ifb".
Request create_link(const std::string& name, const std::string& kind);

// A VLAN (IEEE 802.1Q) on a link of the socket's own namespace, put into another one.
struct VlanSpec {
  std::uint32_t lower = 0;  // index of the link it is on
  std::uint16_t id = 0;     // 1 to 4094
  std::string name;
  int network_namespace = -1;  // descriptor; -1: the socket's own
  std::uint32_t index = 0;     // 0: the kernel chooses
};
Request create_vlan(const VlanSpec& spec);

// What is not set stays as it is.
struct LinkChange {
  std::optional<bool> up;
  std::optional<std::uint32_t> mtu;  // bytes
  std::optional<MacAddress> mac;
  std::optional<std::uint32_t> master;  // 0 releases it
  std::optional<std::uint32_t> group;
  std::optional<std::string>
      new_name;                // of a link given by index; the kernel takes a name as the one to look for otherwise
  std::optional<int> move_to;  // descriptor of a network namespace
  std::optional<bool> arp;     // false sets IFF_NOARP
};
Request set_link(const LinkRef& link, const LinkChange& change);
Request delete_link(const LinkRef& link);
// Every link of the group (never 0, std::invalid_argument: that is everybody's). 0.5 ms a link at 100, against 20-30 ms
// one by one.
Request delete_links_of_group(std::uint32_t group);
Request get_link_request(const LinkRef& link);

// ENODEV when there is none.
Result<Link> get_link(NetlinkSocket& socket, const LinkRef& link);
Result<std::vector<Link>> list_links(NetlinkSocket& socket);  // by index
Result<Link> decode_link(const MessageView& message);         // RTM_NEWLINK or RTM_DELLINK, family AF_UNSPEC

}  // namespace netns_lab::netlink
