// The tables of the old iptables interface (net/ipv4/netfilter/ip_tables.c), of which netlink does not tell.
#pragma once

#include <string>
#include <vector>

#include "harness/model/packet_filter.h"

namespace netns_lab::node {

struct LegacyTable {
  std::string name;    // "iptables (legacy) filter", "ip6tables (legacy) nat"
  unsigned rules = 0;  // entries beyond the one each hook and the end have: rules and chains
  std::string digest;  // of all it says, its counters left out: two that differ filter differently
  bool operator==(const LegacyTable&) const = default;
};

// Of the calling thread's network namespace, by name. A table that is as the kernel makes it (no rules, all policies
// ACCEPT) is left out: somebody may just have listed it. Needs CAP_NET_ADMIN. Looks only: no module is loaded, and no
// table made.
std::vector<LegacyTable> legacy_tables();

// It holds "2 rules or chains", or "another policy". What they do to packets is not told.
PacketFilter packet_filter(const LegacyTable& table);

}  // namespace netns_lab::node
