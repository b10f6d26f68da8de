// Addresses of interfaces: RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR (linux/if_addr.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/model/interface_address.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

struct AddressSpec {
  std::uint32_t link_index = 0;
  Prefix prefix;
  std::optional<Scope> scope;                       // none: host for 127.0.0.0/8 and ::1 as `ip` does, else global
  bool no_duplicate_detection = true;               // IFA_F_NODAD; IPv6 only
  std::optional<std::uint32_t> valid_lifetime;      // seconds
  std::optional<std::uint32_t> preferred_lifetime;  // seconds; not over the valid one
};
// EEXIST when the address is there already.
Request add_address(const AddressSpec& spec);
Request delete_address(std::uint32_t link_index, const Prefix& prefix);

Result<std::vector<InterfaceAddress>> list_addresses(
    NetlinkSocket& socket);  // both families, as the kernel orders them; `link` is left empty
Result<InterfaceAddress> decode_address(const MessageView& message);  // RTM_NEWADDR or RTM_DELADDR

}  // namespace netns_lab::netlink
