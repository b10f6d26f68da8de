// nftables tables: NFT_MSG_GETTABLE over NETLINK_NETFILTER (linux/netfilter/nf_tables.h,
// net/netfilter/nf_tables_api.c).
#pragma once

#include <string>
#include <vector>

#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// "ip filter", "inet firewall": family and name. `socket` is of Protocol::kNetfilter. A kernel without nf_tables has no
// tables: empty.
Result<std::vector<std::string>> list_nft_tables(NetlinkSocket& socket);
Result<std::string> decode_nft_table(const MessageView& message);

}  // namespace netns_lab::netlink
