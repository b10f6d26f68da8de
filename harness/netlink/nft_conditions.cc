#include "harness/netlink/nft_conditions.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables_compat.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "harness/netlink/nft_attributes.h"

namespace netns_lab::netlink {
namespace {

constexpr unsigned kDeepest = 16;  // NFT_JUMP_STACK_SIZE
constexpr unsigned kMostChains = 10'000;
constexpr std::uint16_t kAllPorts = 65'535;

struct Conditions {
  std::set<std::string> odd;
  bool parts = false;  // by transport or destination port
  bool any() const { return parts || !odd.empty(); }
};

// NFPROTO_IPV4, NFPROTO_IPV6; of an inet table what the rule itself asks for.
using Family = std::uint8_t;

void read_meta(const NftAttributes& attributes, Conditions& conditions) {
  static const std::map<std::uint32_t, const char*> kOdd = {
      {NFT_META_LEN, "packet length"}, {NFT_META_PRIORITY, "priority"}, {NFT_META_SKUID, "user"},
      {NFT_META_SKGID, "group"},       {NFT_META_CPU, "CPU"},           {NFT_META_CGROUP, "cgroup"},
      {NFT_META_PRANDOM, "chance"},    {NFT_META_TIME_NS, "time"},      {NFT_META_TIME_DAY, "time"},
      {NFT_META_TIME_HOUR, "time"}};
  if (attributes.count(NFTA_META_DREG) == 0) return;
  const std::uint32_t key = number(attributes, NFTA_META_KEY);
  if (key == NFT_META_L4PROTO) conditions.parts = true;
  if (const auto found = kOdd.find(key); found != kOdd.end()) conditions.odd.insert(found->second);
}

void read_ct(const NftAttributes& attributes, Conditions& conditions) {
  if (attributes.count(NFTA_CT_DREG) == 0) return;
  switch (number(attributes, NFTA_CT_KEY)) {
    case NFT_CT_PROTOCOL:
    case NFT_CT_PROTO_SRC:
    case NFT_CT_PROTO_DST:
      conditions.parts = true;
      break;
    case NFT_CT_EXPIRATION:
    case NFT_CT_BYTES:
    case NFT_CT_PKTS:
    case NFT_CT_AVGPKT:
      conditions.odd.insert("how long, or how much, a connection has been used");
      break;
    default:
      break;
  }
}

void read_network_header(Family family, std::uint32_t offset, std::uint32_t length, Conditions& conditions) {
  constexpr std::uint32_t kIpv4Addresses = 12, kIpv4Protocol = 9, kIpv4Ttl = 8, kIpv4Length = 2;
  constexpr std::uint32_t kIpv6Addresses = 8, kIpv6Next = 6, kIpv6HopLimit = 7, kIpv6Length = 4;
  constexpr std::uint32_t kIpv4End = 20, kIpv6End = 40;
  const bool v4 = family == NFPROTO_IPV4;
  if (offset + length > (v4 ? kIpv4End : kIpv6End)) conditions.odd.insert("what comes behind the header's addresses");
  if (!v4 && family != NFPROTO_IPV6) return;  // not told
  if (offset >= (v4 ? kIpv4Addresses : kIpv6Addresses)) return;
  if (offset == (v4 ? kIpv4Protocol : kIpv6Next)) {
    conditions.parts = true;
  } else if (offset == (v4 ? kIpv4Ttl : kIpv6HopLimit)) {
    conditions.odd.insert("TTL");
  } else if (offset == (v4 ? kIpv4Length : kIpv6Length)) {
    conditions.odd.insert("packet length");
  } else {
    conditions.odd.insert(offset < 2 ? "traffic class" : "fragmentation");
  }
}

void read_payload(const NftAttributes& attributes, Family family, Conditions& conditions) {
  if (attributes.count(NFTA_PAYLOAD_DREG) == 0) return;
  constexpr std::uint32_t kEthernetEnd = 18;  // with a VLAN tag
  const std::uint32_t offset = number(attributes, NFTA_PAYLOAD_OFFSET);
  const std::uint32_t length = number(attributes, NFTA_PAYLOAD_LEN);
  switch (number(attributes, NFTA_PAYLOAD_BASE)) {
    case NFT_PAYLOAD_NETWORK_HEADER:
      return read_network_header(family, offset, length, conditions);
    case NFT_PAYLOAD_TRANSPORT_HEADER:
      conditions.parts = true;
      if (offset != 2) conditions.odd.insert(offset == 0 ? "source port, or type of ICMP" : "transport header");
      return;
    case NFT_PAYLOAD_LL_HEADER:
      if (offset + length > kEthernetEnd) conditions.odd.insert("what comes behind the link's header");
      return;
    default:
      conditions.odd.insert("payload");
  }
}

std::uint16_t port_at(Bytes info, std::size_t at) {
  std::uint16_t port = 0;
  std::memcpy(&port, info.data() + at, sizeof port);
  return port;
}

// A match of iptables (net/netfilter/xt_*.c). struct xt_tcp, xt_udp: source ports, destination ports, of TCP then
// option, mask and value of the flags.
void read_match(const NftAttributes& attributes, Conditions& conditions) {
  static const std::set<std::string> kOfTheConnection = {"addrtype", "comment", "connmark", "conntrack", "devgroup",
                                                         "iprange",  "mac",     "mark",     "physdev",   "pkttype",
                                                         "policy",   "realm",   "set",      "state"};
  const std::string name = text(attributes, NFTA_MATCH_NAME);
  if (kOfTheConnection.count(name) != 0) return;
  conditions.parts = true;
  const auto found = attributes.find(NFTA_MATCH_INFO);
  const Bytes info = found == attributes.end() ? Bytes() : found->second;
  const bool is_tcp = name == "tcp";
  if ((is_tcp && info.size() >= 12) || (name == "udp" && info.size() >= 9)) {
    if (port_at(info, 0) != 0 || port_at(info, 2) != kAllPorts) conditions.odd.insert("source port");
    if (is_tcp && (info[8] != 0 || info[9] != 0)) conditions.odd.insert("transport header");
    return;
  }
  constexpr std::uint8_t kDestination = 1;  // XT_MULTIPORT_DESTINATION
  if (name == "multiport" && !info.empty()) {
    if (info[0] != kDestination) conditions.odd.insert("source port");
    return;
  }
  conditions.odd.insert(name);
}

void read_name(const std::string& name, Conditions& conditions) {
  static const std::map<std::string, const char*> kOdd = {
      {"limit", "limit"},       {"quota", "quota"},        {"connlimit", "number of connections"},
      {"numgen", "numgen"},     {"hash", "hash"},          {"exthdr", "options"},
      {"socket", "socket"},     {"osf", "system"},         {"tunnel", "tunnel"},
      {"synproxy", "synproxy"}, {"inner", "inner headers"}};
  if (const auto found = kOdd.find(name); found != kOdd.end()) conditions.odd.insert(found->second);
}

// An element may expire, and may have expressions of its own, which must hold, too.
void read_elements(const std::vector<NftElement>& set, Conditions& conditions) {
  for (const NftElement& element : set) {
    const NftAttributes attributes = attributes_of(element.attributes);
    if (attributes.contains(NFTA_SET_ELEM_EXPIRATION)) conditions.odd.insert("elements of a set that expire");
    if (const auto one = attributes.find(NFTA_SET_ELEM_EXPR); one != attributes.end())
      read_name(text(attributes_of(one->second), NFTA_EXPR_NAME), conditions);
    const auto several = attributes.find(NFTA_SET_ELEM_EXPRESSIONS);
    if (several == attributes.end()) continue;
    AttributeReader each(several->second);
    while (each.next()) read_name(text(attributes_of(each.bytes()), NFTA_EXPR_NAME), conditions);
  }
}

void read_expression(const NftExpression& expression, const NftAttributes& attributes, Family family,
                     Conditions& conditions) {
  const std::string& name = expression.name;
  const bool is_no_choice =
      name == "numgen" && number(attributes, NFTA_NG_MODULUS) == 1;  // kube-proxy, of one endpoint
  if (!is_no_choice) read_name(name, conditions);
  if (name == "meta") read_meta(attributes, conditions);
  if (name == "ct") read_ct(attributes, conditions);
  if (name == "payload") read_payload(attributes, family, conditions);
  if (name == "match") read_match(attributes, conditions);
  if (name == "dynset" && attributes.count(NFTA_DYNSET_EXPR) != 0) conditions.odd.insert("limit");
  if (name == "objref") {
    const std::uint32_t type = number(attributes, NFTA_OBJREF_IMM_TYPE);
    if (type == NFT_OBJECT_LIMIT) conditions.odd.insert("limit");
    if (type == NFT_OBJECT_QUOTA) conditions.odd.insert("quota");
    if (type == NFT_OBJECT_CONNLIMIT) conditions.odd.insert("number of connections");
  }
}

enum class Translation { kNone, kMasquerade, kSource, kDestination };

Translation translation_by(const std::string& name, const NftAttributes& attributes) {
  if (name == "masq") return Translation::kMasquerade;
  if (name == "redir") return Translation::kDestination;
  if (name == "nat")
    return number(attributes, NFTA_NAT_TYPE) == NFT_NAT_DNAT ? Translation::kDestination : Translation::kSource;
  if (name != "target") return Translation::kNone;
  const std::string target = text(attributes, NFTA_TARGET_NAME);
  if (target == "MASQUERADE") return Translation::kMasquerade;
  if (target == "SNAT") return Translation::kSource;
  return target == "DNAT" || target == "REDIRECT" || target == "NETMAP" ? Translation::kDestination
                                                                        : Translation::kNone;
}

class Walk {
 public:
  explicit Walk(const NftProgram& program) : program_(program) {}

  NftConditions all() {
    for (const std::string& chain : program_.base_chains) {
      pending_ = accepted_ = false;
      follow(chain, Conditions(), 0);
    }
    if (has_source_ && !has_whole_) found_.parted.insert("all of it asks for a protocol or port");
    return std::move(found_);
  }

 private:
  void follow(const std::string& chain, const Conditions& outer, unsigned depth) {
    const auto rules = program_.rules.find(chain);
    if (rules == program_.rules.end() || depth >= kDeepest || ++chains_ > kMostChains) return;
    const bool pending = pending_;
    for (const auto& rule : rules->second) take(rule, outer, depth);
    pending_ = pending || accepted_;  // what returned from here goes on behind
  }

  void take(const std::vector<NftExpression>& rule, Conditions conditions, unsigned depth) {
    Family family = program_.family;
    bool asks_family = false;
    for (const NftExpression& expression : rule) {
      const NftAttributes attributes = attributes_of(expression.data);
      if (expression.name == "meta") asks_family = number(attributes, NFTA_META_KEY) == NFT_META_NFPROTO;
      if (expression.name == "cmp" && std::exchange(asks_family, false)) {
        const auto wanted = value(attributes, NFTA_CMP_DATA);
        if (!wanted.empty()) family = wanted[0];
      }
      read_expression(expression, attributes, family, conditions);
      if (expression.name == "lookup") {
        const auto set = program_.sets.find(text(attributes, NFTA_LOOKUP_SET));
        if (set != program_.sets.end()) read_elements(set->second, conditions);
      }
      translate(translation_by(expression.name, attributes), conditions);
      if (expression.name == "lookup" && number(attributes, NFTA_LOOKUP_DREG, NFT_REG_1) == NFT_REG_VERDICT &&
          attributes.count(NFTA_LOOKUP_DREG) != 0) {
        const auto set = program_.sets.find(text(attributes, NFTA_LOOKUP_SET));
        if (set == program_.sets.end()) continue;
        for (const NftElement& element : set->second)
          decide(attributes_of(element.attributes), NFTA_SET_ELEM_DATA, conditions, depth);
      }
      if (expression.name == "immediate" && number(attributes, NFTA_IMMEDIATE_DREG, NFT_REG_1) == NFT_REG_VERDICT)
        decide(attributes, NFTA_IMMEDIATE_DATA, conditions, depth);
    }
  }

  void decide(const NftAttributes& attributes, std::uint16_t type, const Conditions& conditions, unsigned depth) {
    const NftAttributes said = verdict(attributes, type);
    if (said.count(NFTA_VERDICT_CODE) == 0) return;
    const auto code = static_cast<std::int32_t>(number(said, NFTA_VERDICT_CODE));
    if (code == NFT_JUMP || code == NFT_GOTO) return follow(text(said, NFTA_VERDICT_CHAIN), conditions, depth + 1);
    if (!conditions.any() || (code != NFT_RETURN && code != NF_ACCEPT)) return;
    pending_ = true;
    accepted_ = accepted_ || code == NF_ACCEPT;
  }

  void translate(Translation translation, const Conditions& conditions) {
    if (translation == Translation::kNone) return;
    found_.odd.insert(conditions.odd.begin(), conditions.odd.end());
    if (translation == Translation::kDestination) return;
    has_source_ = true;
    const bool had_whole = has_whole_;
    if (!conditions.parts) has_whole_ = true;
    if (pending_ && !had_whole) found_.parted.insert("a rule before it lets some protocols or ports pass");
    if (conditions.parts && translation == Translation::kSource)
      found_.parted.insert("snat for some protocols or ports");
  }

  const NftProgram& program_;
  NftConditions found_;
  bool has_source_ = false;
  bool has_whole_ = false;
  bool pending_ = false;   // some packets are not here any more, by their protocol, port or the like
  bool accepted_ = false;  // nor anywhere else
  unsigned chains_ = 0;
};

}  // namespace

NftConditions conditions_of_translations(const NftProgram& program) { return Walk(program).all(); }

}  // namespace netns_lab::netlink
