// What an nftables table holds, as one comparable value (linux/netfilter/nf_tables.h, net/netfilter/nf_tables_api.c).
#pragma once

#include <linux/netfilter/nf_tables.h>

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/model/packet_filter.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/netlink/nft_translation.h"

namespace netns_lab::netlink {

using NftTableKey = std::pair<std::uint8_t, std::string>;  // family (NFPROTO_*), name

// The objects of one table. Each is kept as bytes that say what it does, without what changes by itself or by being
// made again: handles, use counts, counters, what is left of a quota, when something was last seen, and the elements of
// sets that packets or time change. What these elements do to packets is told all the same.
struct NftContents {
  unsigned chains = 0;
  unsigned rules = 0;
  unsigned sets = 0;    // maps among them
  unsigned others = 0;  // stateful objects, flowtables
  bool drops = false;   // by a chain's policy
  // What its rules and policies do to packets, as nft(8) calls it: "drop", "reject", "masquerade", "snat", "dnat",
  // "redirect", "payload" and "exthdr" (rewritten), "mark", "notrack", "queue", … To accept or to count is none.
  std::set<std::string> statements;
  std::vector<std::string> objects;
  NftProgram program{};

  // All of a PacketFilter but its name. It holds "2 chains, 5 rules", "1 chain without effect" where nothing is but
  // chains that take every packet; nothing where there is none.
  PacketFilter filter() const;
};

// Of the tables named. One that vanishes meanwhile is empty. `socket` is of Protocol::kNetfilter.
Result<std::map<NftTableKey, NftContents>> read_nft_contents(NetlinkSocket& socket,
                                                             const std::vector<NftTableKey>& tables);

// What one chain, rule, set, stateful object or flowtable says (the messages that ask for them: NFT_MSG_GETCHAIN …).
inline constexpr std::array<std::uint16_t, 5> kNftObjectSorts = {NFT_MSG_GETCHAIN, NFT_MSG_GETRULE, NFT_MSG_GETSET,
                                                                 NFT_MSG_GETOBJ, NFT_MSG_GETFLOWTABLE};
// As bytes (above), and what a rule does. Of any bytes.
struct NftObjectSaid {
  std::string bytes;
  std::set<std::string> statements;
  std::vector<NftExpression> expressions;
};
Result<NftObjectSaid> decode_nft_object(const MessageView& message, std::uint16_t sort);

// What a target of iptables does to packets, by its name ("MASQUERADE", "TCPMSS"), as nft(8) calls it where it has such
// a thing: "masquerade", "mark", else "tcpmss"; "" where it only looks.
std::string statement_of_target(std::string name);

}  // namespace netns_lab::netlink
