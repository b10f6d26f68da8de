// Labels of IPv6 prefixes, by which source addresses are chosen (RFC 6724, 2.1): RTM_GETADDRLABEL
// (linux/if_addrlabel.h, net/ipv6/addrlabel.c).
#pragma once

#include <string>
#include <vector>

#include "harness/model/snapshot.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

struct AddressLabel {
  std::uint32_t link_index = 0;  // 0: on all links
  FurtherObject object;          // "IPv6 address label", "of 2001:db8::/32", "99"; its link is not told here
};
// A kernel without IPv6 has none.
Result<std::vector<AddressLabel>> list_address_labels(NetlinkSocket& socket);
Result<AddressLabel> decode_address_label(const MessageView& message);

}  // namespace netns_lab::netlink
