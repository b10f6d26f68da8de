// nftables tables: NFT_MSG_GETTABLE over NETLINK_NETFILTER (linux/netfilter/nf_tables.h,
// net/netfilter/nf_tables_api.c).
#pragma once

#include <string>
#include <vector>

#include "harness/netlink/netlink_socket.h"
#include "harness/netlink/nft_contents.h"

namespace netns_lab::netlink {

// "ip filter", "inet firewall with 2 chains, 5 rules, contents 7f3a…" (nft_contents.h), "ip raw, dormant": family, name
// and what it holds. Costs one request where there is no table. `socket` is of Protocol::kNetfilter. A kernel without
// nf_tables has no tables: empty.
Result<std::vector<std::string>> list_nft_tables(NetlinkSocket& socket);

// Of a family (NFPROTO_*), as nft(8) spells it: "inet", "ip".
std::string nft_family_name(std::uint8_t family);

struct NftTable {
  NftTableKey key;
  bool is_dormant = false;  // NFT_TABLE_F_DORMANT: its chains are not in effect
};
Result<NftTable> decode_nft_table(const MessageView& message);

}  // namespace netns_lab::netlink
