// nftables tables as a declaration says them: plain data, printed in nft's own language. What is needed of nft, no
// more: base chains, matches by value, one action a rule.
//
//   NftChain{"postrouting", "nat", "postrouting", 100, false,
//            {{{{"ip saddr", "172.16.0.0/24"}, {"oifname", "br0", true}}, {"masquerade"}}}}
//   -> chain postrouting { type nat hook postrouting priority 100; policy accept;
//                          ip saddr 172.16.0.0/24 oifname != "br0" masquerade; }
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/address.h"

namespace netns_lab {

struct NftMatch {
  // As nft says it: a header's field ("ip saddr", "ip6 daddr", "tcp dport", "udp dport", "icmp type"), of the packet
  // ("iifname", "oifname", "l4proto", "mark"), "ct state", "ct status", "fib daddr type".
  std::string what;
  std::string value;     // an address, a prefix, a number, or a word
  bool negated = false;  // anything but that value
  bool operator==(const NftMatch&) const = default;
};

struct NftAction {
  std::string verb;                    // "accept", "drop", "notrack", "masquerade", "snat", "dnat"
  std::optional<IpAddress> address{};  // of snat, dnat
  std::optional<std::uint16_t> port{};
  bool operator==(const NftAction&) const = default;
};

struct NftRule {
  std::vector<NftMatch> matches;  // all of them
  NftAction action;
  bool operator==(const NftRule&) const = default;
};

struct NftChain {  // a base chain
  std::string name;
  std::string type;  // "nat", "filter", "route"
  std::string hook;  // "prerouting", "input", "forward", "output", "postrouting"
  std::int32_t priority = 0;
  bool drops = false;  // by policy: what no rule takes
  std::vector<NftRule> rules;
  bool operator==(const NftChain&) const = default;
};

std::string to_string(const NftRule& rule);    // "ip saddr 172.16.0.0/24 masquerade"
std::string to_string(const NftChain& chain);  // "chain in { type filter hook input priority 0; policy accept; … }"
std::ostream& operator<<(std::ostream& out, const NftRule& rule);
std::ostream& operator<<(std::ostream& out, const NftChain& chain);

// A table is called by family ("ip", "ip6", "inet") and name: "ip nat".
std::string nft_table_text(const std::string& family, const std::string& name);

}  // namespace netns_lab
