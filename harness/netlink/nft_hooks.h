// At which hooks of the kernel's data path nf_tables has chains: NFT_MSG_GETCHAIN, NFTA_CHAIN_HOOK
// (linux/netfilter/nf_tables.h, linux/netfilter.h).
#pragma once

#include <vector>

#include "harness/model/snapshot.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// The base chains of all tables that are in effect. `socket` is of Protocol::kNetfilter. A kernel without nf_tables has
// none.
Result<std::vector<FilterHook>> list_filter_hooks(NetlinkSocket& socket);

// "input" of NFPROTO_IPV4 and NF_INET_LOCAL_IN; "hook-9" of what is not known.
std::string filter_hook_name(std::uint8_t family, std::uint32_t number);

}  // namespace netns_lab::netlink
