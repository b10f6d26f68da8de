// A table that filters or rewrites packets: of nf_tables, or of the old iptables interface; what it holds, as data.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/model/address.h"
#include "harness/model/packet_rules.h"

namespace netns_lab {

// What a rule makes of a packet's destination (nft's dnat and redirect), and of which packets, as far as transport and
// destination port tell. What else its rule asks for (addresses, links, …) is not told.
struct PortTranslation {
  std::uint8_t protocol = 0;  // IPPROTO_TCP, IPPROTO_UDP, …; 0: of any
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 65'535;  // inclusive
  std::string address;  // where to: "172.16.0.2", "172.16.0.2-172.16.0.9"; "" the node itself, or as it was
  std::optional<std::uint16_t> port{};  // none: as it was
  auto operator<=>(const PortTranslation&) const = default;
};
std::string to_string(const PortTranslation& translation);  // "tcp port 8080 to 172.16.0.2:80"

struct PacketFilter {
  std::string name;  // family and name: "ip nat"; "iptables (legacy) nat"
  bool is_dormant = false;
  std::string holds;     // how much: "2 chains, 5 rules"; "" nothing
  unsigned rules = 0;    // of nf_tables
  bool is_idle = true;   // nothing but chains that take every packet
  std::string contents;  // a digest of what it holds: another one filters otherwise
  // What its rules, policies and verdict maps do to packets, as nft(8) calls it: "drop", "reject", "masquerade",
  // "snat", "dnat", "redirect", "payload" and "exthdr" (rewritten), "mark", "notrack", "queue", … To accept or count is
  // none.
  std::set<std::string> statements{};
  std::vector<PortTranslation> translations{};  // by its rules that packets meet, in order
  // Of nf_tables: on what else than who talks to whom it depends whether it translates: "limit", "TTL", "source port".
  std::set<std::string> conditions{};
  // And how packets whose source it translates are parted by transport or port: "a rule before it lets some protocols
  // or ports pass".
  std::set<std::string> parted{};
  // Of the old interface: where each of `statements` is first: "drop" -> "rule 2 of FORWARD", "the policy of INPUT".
  std::map<std::string, std::string> where{};
  std::vector<PacketChain> chains{};  // of a table that translates; else not told
  bool operator==(const PacketFilter&) const = default;
};
// One line: "ip nat with 2 chains, 5 rules, contents 7f3a…, statements: dnat, of tcp port 8080 to 172.16.0.2:80".
std::string to_string(const PacketFilter& filter);
std::ostream& operator<<(std::ostream& out, const PacketFilter& filter);

}  // namespace netns_lab
