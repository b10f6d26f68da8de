// The rules of a table as a packet meets them (model/packet_rules.h): read off the kernel's expressions
// (linux/netfilter/nf_tables.h, net/netfilter/nft_*.c), jumps, sets and maps resolved.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "harness/model/packet_rules.h"
#include "harness/netlink/nft_translation.h"

namespace netns_lab::netlink {

// Do such statements (PacketFilter::statements) give packets other addresses or ports?
bool translates(const std::set<std::string>& statements);

// Of each base chain, by priority; then in the order of `base_chains`. Beyond 4,000 fields that are asked for the chain
// is one step, "unknown".
std::vector<PacketChain> steps_of(const NftProgram& program);

}  // namespace netns_lab::netlink
