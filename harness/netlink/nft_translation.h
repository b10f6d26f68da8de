// Which ports the rules of nf_tables translate, and to where: read off the kernel's expressions
// (linux/netfilter/nf_tables.h, net/netfilter/nft_*.c; of iptables' rules linux/netfilter/xt_tcpudp.h, xt_multiport.h,
// nf_nat.h) by following them as a packet does, from the base chains on, through jumps, sets and maps.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/model/packet_filter.h"
#include "harness/netlink/message.h"

namespace netns_lab::netlink {

struct NftExpression {
  std::string name;                // "payload", "cmp", "nat", …
  std::vector<std::uint8_t> data;  // its attributes
};
struct NftElement {
  std::vector<std::uint8_t> attributes;  // NFTA_SET_ELEM_*
};

// Where a base chain begins.
struct NftHook {
  std::string name;  // "prerouting", as of filter_hook_name
  std::int32_t priority = 0;
};

// What one table holds, as far as it matters here.
struct NftProgram {
  std::uint8_t family = 0;                                               // NFPROTO_*
  std::map<std::string, std::vector<std::vector<NftExpression>>> rules;  // by chain, in order
  std::vector<std::string> base_chains;
  std::map<std::string, NftHook> hooks;                 // of base chains
  std::set<std::string> changing;                       // sets whose elements packets or time change
  std::set<std::string> intervals;                      // sets of intervals of one field (NFT_SET_INTERVAL)
  std::map<std::string, std::vector<NftElement>> sets;  // by name
};

// Each once, in their order. What cannot be told is told as wider than it is: all ports, any protocol, an address of
// which nothing is known ("somewhere"). Rules that are reached by more than 10,000 ways are told as all ports.
std::vector<PortTranslation> translations_of(const NftProgram& program);

}  // namespace netns_lab::netlink
