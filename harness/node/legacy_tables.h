// The tables of the old iptables interface (net/ipv4/netfilter/ip_tables.c), of which netlink does not tell.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/model/packet_filter.h"

namespace netns_lab::node {

struct LegacyTable {
  std::string name;    // "iptables (legacy) filter", "ip6tables (legacy) nat"
  unsigned rules = 0;  // entries beyond the one each hook and the end have: rules and chains
  std::string digest;  // of all it says, its counters left out: two that differ filter differently; "" unknown
  // As in PacketFilter; "unknown" where the kernel does not tell, or tells what makes no sense.
  std::set<std::string> statements{};
  std::vector<PortTranslation> translations{};
  std::set<std::string> conditions{};
  std::set<std::string> parted{};
  std::map<std::string, std::string> where{};
  std::vector<PacketChain> chains{};
  bool operator==(const LegacyTable&) const = default;
};

// What the kernel tells of a table (IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES of linux/netfilter_ipv4/ip_tables.h).
struct LegacyEntries {
  bool is_ipv6 = false;
  unsigned hooks = 0;                       // those it is at: 1 << NF_INET_*
  std::array<std::uint32_t, 5> begins{};    // of each of these, where its chain begins: octets into `bytes`
  std::array<std::uint32_t, 5> policies{};  // and where the entry is that is its policy, the chain's last
  std::string bytes{};                      // struct ipt_entry or ip6t_entry, one after the other
};

// All but the name. Nothing where the table is as the kernel makes it. Of any bytes.
std::optional<LegacyTable> decode_legacy_table(LegacyEntries entries);

// Of the calling thread's network namespace, by name. A table that is as the kernel makes it (no rules, all policies
// ACCEPT) is left out: somebody may just have listed it. Needs CAP_NET_ADMIN. Looks only: no module is loaded, and no
// table made.
std::vector<LegacyTable> legacy_tables();

// It holds "2 rules or chains", or "another policy".
PacketFilter packet_filter(const LegacyTable& table);

}  // namespace netns_lab::node
