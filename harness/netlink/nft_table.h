// nftables tables: NFT_MSG_GETTABLE over NETLINK_NETFILTER (linux/netfilter/nf_tables.h,
// net/netfilter/nf_tables_api.c).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/netlink/netlink_socket.h"
#include "harness/netlink/nft_contents.h"

namespace netns_lab::netlink {

// Family, name and what each holds (nft_contents.h). Costs one request where there is no table. `socket` is of
// Protocol::kNetfilter. A kernel without nf_tables has no tables: empty. The tables of our own traces are left out:
// somebody may ask why a packet is lost
// (`diagnose`) beside a test of the same node.
Result<std::vector<PacketFilter>> list_nft_tables(NetlinkSocket& socket);

// Of a family (NFPROTO_*), as nft(8) spells it: "inet", "ip".
std::string nft_family_name(std::uint8_t family);

// Of "ip nat": family and name. Nothing for a text that names no table of a family known here.
std::optional<NftTableKey> nft_table_key(std::string_view text);
std::string to_string(const NftTableKey& key);  // "ip nat"

// Whether there is a table of that name, dormant or not.
Result<bool> has_nft_table(NetlinkSocket& socket, const NftTableKey& key);

// With everything in it (NFT_MSG_DELTABLE). ENOENT when there is none.
Result<void> delete_nft_table(NetlinkSocket& socket, const NftTableKey& key);

// Of the table of a trace (nft_trace.h) whose socket has this netlink port: no other socket of its namespace has it.
std::string trace_table_name(std::uint32_t port);

struct NftTable {
  NftTableKey key;
  bool is_dormant = false;   // NFT_TABLE_F_DORMANT: its chains are not in effect
  bool is_of_trace = false;  // it belongs to a socket (NFTA_TABLE_OWNER), and is named as the table of its trace
};
Result<NftTable> decode_nft_table(const MessageView& message);

}  // namespace netns_lab::netlink
