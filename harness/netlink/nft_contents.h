// What an nftables table holds, as one comparable value (linux/netfilter/nf_tables.h, net/netfilter/nf_tables_api.c).
#pragma once

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

// What a target of iptables does to packets, by its name ("MASQUERADE", "TCPMSS"), as nft(8) calls it where it has such
// a thing: "masquerade", "mark", else "tcpmss"; "" where it only looks.
std::string statement_of_target(std::string name);

}  // namespace netns_lab::netlink
