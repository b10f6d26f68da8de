// At which hooks of the kernel's data path nf_tables has chains: NFT_MSG_GETCHAIN, NFTA_CHAIN_HOOK
// (linux/netfilter/nf_tables.h, linux/netfilter.h).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "harness/model/snapshot.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/netlink/nft_contents.h"

namespace netns_lab::netlink {

// The base chains of all tables that are in effect. `socket` is of Protocol::kNetfilter. A kernel without nf_tables has
// none.
Result<std::vector<FilterHook>> list_filter_hooks(NetlinkSocket& socket);

struct FilterChain {
  NftTableKey table;
  std::string name;
  bool is_base = false;
  std::uint32_t hook = 0;  // of a base chain
  bool drops = false;      // by its policy
};
Result<FilterChain> decode_filter_chain(const MessageView& message);

// The table and chain that a rule is in.
using ChainKey = std::pair<NftTableKey, std::string>;
Result<ChainKey> decode_chain_of_rule(const MessageView& message);

// "input" of NFPROTO_IPV4 and NF_INET_LOCAL_IN; "hook-9" of what is not known.
std::string filter_hook_name(std::uint8_t family, std::uint32_t number);

}  // namespace netns_lab::netlink
