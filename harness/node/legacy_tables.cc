#include "harness/node/legacy_tables.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netlink.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "harness/base/unique_fd.h"
#include "harness/netlink/nft_conditions.h"
#include "harness/netlink/nft_contents.h"
#include "harness/netlink/nft_hooks.h"
#include "harness/netlink/nft_steps.h"
#include "harness/netlink/nft_translation.h"

namespace netns_lab::node {
namespace {

// The two families have the same numbers and structures but for the address part, with which an entry begins; the
// headers of both cannot stand in one file.
struct LegacyFamily {
  const char* name;
  const char* names_file;
  int domain;
  int level;
  std::size_t address_part;  // sizeof(ipt_ip), sizeof(ip6t_ip6)
};
constexpr LegacyFamily kFamilies[] = {
    {"iptables (legacy)", "/proc/thread-self/net/ip_tables_names", AF_INET, SOL_IP, 84},
    {"ip6tables (legacy)", "/proc/thread-self/net/ip6_tables_names", AF_INET6, SOL_IPV6, 136},
};
static_assert(sizeof(ipt_ip) == 84);

// struct ipt_entry, after the address part.
struct EntryTail {
  std::uint32_t cache;
  std::uint16_t target_offset;
  std::uint16_t next_offset;
  std::uint32_t hooks;
};
constexpr std::size_t kCountersSize = sizeof(xt_counters);

std::size_t counters_offset(std::size_t address_part) {
  const std::size_t end = address_part + sizeof(EntryTail);
  return (end + alignof(xt_counters) - 1) / alignof(xt_counters) * alignof(xt_counters);
}

using Octets = std::span<const std::uint8_t>;

Octets octets(std::string_view bytes) { return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}; }

// A match or target: struct xt_entry_match, xt_entry_target, which have the same fields.
struct Extension {
  std::string name;  // "" of the standard target
  Octets info;
};
std::optional<Extension> extension_of(Octets bytes) {
  xt_entry_target head{};
  if (bytes.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.u.target_size < sizeof head || head.u.target_size > bytes.size()) return std::nullopt;
  return Extension{{head.u.user.name, ::strnlen(head.u.user.name, sizeof head.u.user.name)},
                   bytes.subspan(sizeof head, head.u.target_size - sizeof head)};
}

struct Rule {
  std::size_t at = 0;
  std::size_t next = 0;
  std::uint8_t protocol = 0;  // 0: of any, or of all but one
  Octets asks;                // struct ipt_ip, ip6t_ip6
  std::vector<Extension> matches;
  Extension target;
  int verdict = 0;  // of the standard target: an offset, or -NF_* - 1, or XT_RETURN
};

bool is_standard(const Rule& rule) { return rule.target.name.empty(); }
bool is_end_or_head(const Rule& rule) { return rule.target.name == "ERROR"; }

// Nothing where the bytes make no sense.
std::optional<Rule> rule_at(Octets entries, std::size_t at, std::size_t address_part) {
  const std::size_t begin = counters_offset(address_part) + kCountersSize;
  if (entries.size() - at < begin) return std::nullopt;
  EntryTail tail{};
  std::memcpy(&tail, entries.data() + at + address_part, sizeof tail);
  if (tail.next_offset < begin || tail.next_offset > entries.size() - at || tail.target_offset < begin ||
      tail.target_offset > tail.next_offset)
    return std::nullopt;
  const Octets entry = entries.subspan(at, tail.next_offset);
  Rule rule;
  rule.at = at;
  rule.next = at + tail.next_offset;
  // struct ipt_ip ends with proto (16 bits), flags, invflags; struct ip6t_ip6 with proto, tos, flags, invflags,
  // padding.
  rule.asks = entry.first(address_part);
  const bool is_ipv6 = address_part == kFamilies[1].address_part;
  const std::size_t protocol_at = is_ipv6 ? 128 : 80;
  constexpr std::uint8_t kInverted = 0x40;  // XT_INV_PROTO
  if ((entry[is_ipv6 ? 132 : 83] & kInverted) == 0) rule.protocol = entry[protocol_at];
  for (std::size_t from = begin; from < tail.target_offset;) {
    auto match = extension_of(entry.subspan(from, tail.target_offset - from));
    if (!match) return std::nullopt;
    from += sizeof(xt_entry_match) + match->info.size();
    rule.matches.push_back(*std::move(match));
  }
  auto target = extension_of(entry.subspan(tail.target_offset));
  if (!target) return std::nullopt;
  rule.target = *std::move(target);
  if (!is_standard(rule)) return rule;
  if (rule.target.info.size() < sizeof rule.verdict) return std::nullopt;
  std::memcpy(&rule.verdict, rule.target.info.data(), sizeof rule.verdict);
  return rule;
}

std::optional<std::vector<Rule>> rules_of(Octets entries, std::size_t address_part) {
  std::vector<Rule> rules;
  for (std::size_t at = 0; at < entries.size(); at = rules.back().next) {
    auto rule = rule_at(entries, at, address_part);
    if (!rule) return std::nullopt;
    rules.push_back(*std::move(rule));
  }
  return rules;
}

// The rules in the words of nf_tables, as iptables for nf_tables says them: then one reading serves both.

std::vector<std::uint8_t> attribute(std::uint16_t type, Octets value) {
  const nlattr header{static_cast<std::uint16_t>(NLA_HDRLEN + value.size()), type};
  std::vector<std::uint8_t> bytes(NLA_ALIGN(header.nla_len), 0);
  std::memcpy(bytes.data(), &header, sizeof header);
  std::copy(value.begin(), value.end(), bytes.begin() + NLA_HDRLEN);
  return bytes;
}
std::vector<std::uint8_t> attribute(std::uint16_t type, std::uint32_t number) {
  number = htonl(number);
  return attribute(type, Octets(reinterpret_cast<const std::uint8_t*>(&number), sizeof number));
}
std::vector<std::uint8_t> attribute(std::uint16_t type, std::string_view text) { return attribute(type, octets(text)); }

netlink::NftExpression expression(const char* name, std::initializer_list<std::vector<std::uint8_t>> attributes) {
  netlink::NftExpression made{name, {}};
  for (const auto& each : attributes) made.data.insert(made.data.end(), each.begin(), each.end());
  return made;
}

std::string chain_name(std::size_t offset) { return std::to_string(offset); }

netlink::NftExpression verdict_of(const Rule& rule) {
  std::vector<std::uint8_t> said;
  if (rule.verdict >= 0) {
    said = attribute(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(NFT_JUMP));
    const auto to = attribute(NFTA_VERDICT_CHAIN, chain_name(static_cast<std::size_t>(rule.verdict)));
    said.insert(said.end(), to.begin(), to.end());
  } else {
    // NF_REPEAT stands for XT_RETURN here (linux/netfilter/x_tables.h).
    const std::int32_t code = rule.verdict == XT_RETURN ? NFT_RETURN : -rule.verdict - 1;
    said = attribute(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(code));
  }
  const auto verdict = attribute(NFTA_DATA_VERDICT, Octets(said));
  return expression("immediate",
                    {attribute(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT), attribute(NFTA_IMMEDIATE_DATA, Octets(verdict))});
}

void compare(std::vector<netlink::NftExpression>& all, Octets with, bool negated) {
  const auto value = attribute(NFTA_DATA_VALUE, with);
  all.push_back(expression(
      "cmp", {attribute(NFTA_CMP_SREG, NFT_REG_1), attribute(NFTA_CMP_OP, negated ? NFT_CMP_NEQ : NFT_CMP_EQ),
              attribute(NFTA_CMP_DATA, Octets(value))}));
}

// struct ipt_ip and ip6t_ip6 begin alike: source, destination, their masks, name of the link in and out, their masks;
// the flags of what is inverted (IPT_INV_*, which are IP6T_INV_*) stand at the end.
void add_addresses_and_links(const Rule& rule, std::vector<netlink::NftExpression>& all) {
  constexpr std::size_t kName = 16;
  constexpr std::uint8_t kLinkIn = 0x01, kLinkOut = 0x02, kSource = 0x08, kDestination = 0x10;
  const bool is_ipv6 = rule.asks.size() == kFamilies[1].address_part;
  const std::size_t size = is_ipv6 ? 16 : 4;
  const std::uint8_t inverted = rule.asks[is_ipv6 ? 132 : 83];
  const auto address = [&](std::size_t place, std::uint32_t offset, bool negated) {
    const Octets with = rule.asks.subspan(place * size, size);
    const Octets mask = rule.asks.subspan((place + 2) * size, size);
    if (std::all_of(mask.begin(), mask.end(), [](std::uint8_t byte) { return byte == 0; }) && !negated) return;
    const std::vector<std::uint8_t> nothing(size, 0);
    const auto masks = attribute(NFTA_DATA_VALUE, mask);
    const auto flips = attribute(NFTA_DATA_VALUE, Octets(nothing));
    all.push_back(expression(
        "payload",
        {attribute(NFTA_PAYLOAD_DREG, NFT_REG_1), attribute(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER),
         attribute(NFTA_PAYLOAD_OFFSET, offset), attribute(NFTA_PAYLOAD_LEN, static_cast<std::uint32_t>(size))}));
    all.push_back(expression(
        "bitwise", {attribute(NFTA_BITWISE_SREG, NFT_REG_1), attribute(NFTA_BITWISE_DREG, NFT_REG_1),
                    attribute(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(size)),
                    attribute(NFTA_BITWISE_MASK, Octets(masks)), attribute(NFTA_BITWISE_XOR, Octets(flips))}));
    compare(all, with, negated);
  };
  const auto link = [&](std::size_t place, std::uint32_t key, bool negated) {
    const Octets name = rule.asks.subspan(4 * size + place * kName, kName);
    const Octets mask = rule.asks.subspan(4 * size + (place + 2) * kName, kName);
    const auto end = std::find(mask.begin(), mask.end(), 0);
    if (end == mask.begin()) return;
    all.push_back(expression("meta", {attribute(NFTA_META_DREG, NFT_REG_1), attribute(NFTA_META_KEY, key)}));
    compare(all, name.first(static_cast<std::size_t>(end - mask.begin())), negated);
  };
  address(0, is_ipv6 ? 8 : 12, (inverted & kSource) != 0);
  address(1, is_ipv6 ? 24 : 16, (inverted & kDestination) != 0);
  link(0, NFT_META_IIFNAME, (inverted & kLinkIn) != 0);
  link(1, NFT_META_OIFNAME, (inverted & kLinkOut) != 0);
}

std::vector<netlink::NftExpression> expressions_of(const Rule& rule) {
  std::vector<netlink::NftExpression> all;
  add_addresses_and_links(rule, all);
  if (rule.protocol != 0) {
    all.push_back(
        expression("meta", {attribute(NFTA_META_DREG, NFT_REG_1), attribute(NFTA_META_KEY, NFT_META_L4PROTO)}));
    compare(all, Octets(&rule.protocol, 1), false);
  }
  for (const Extension& match : rule.matches)
    all.push_back(
        expression("match", {attribute(NFTA_MATCH_NAME, match.name), attribute(NFTA_MATCH_INFO, match.info)}));
  if (!is_standard(rule)) {
    all.push_back(expression(
        "target", {attribute(NFTA_TARGET_NAME, rule.target.name), attribute(NFTA_TARGET_INFO, rule.target.info)}));
  } else if (static_cast<std::size_t>(rule.verdict) != rule.next) {  // a rule without a target leads to the next one
    all.push_back(verdict_of(rule));
  }
  return all;
}

netlink::NftProgram program_of(const LegacyEntries& entries, const std::vector<Rule>& rules) {
  netlink::NftProgram program;
  program.family = entries.is_ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
  std::set<std::size_t> begins;
  std::set<std::size_t> ends;
  for (unsigned hook = 0; hook < entries.begins.size(); ++hook) {
    if ((entries.hooks & (1U << hook)) == 0) continue;
    begins.insert(entries.begins[hook]);
    ends.insert(entries.policies[hook]);
    program.base_chains.push_back(chain_name(entries.begins[hook]));
    program.hooks[program.base_chains.back()] = {netlink::filter_hook_name(program.family, hook), 0};
  }
  // A chain of the user's begins behind its head; the last head ends the table.
  std::string chain;
  for (const Rule& rule : rules) {
    if (begins.contains(rule.at)) chain = chain_name(rule.at);
    if (is_end_or_head(rule)) {
      chain = chain_name(rule.next);
      continue;
    }
    program.rules[chain].push_back(expressions_of(rule));
    if (ends.contains(rule.at)) chain.clear();
  }
  return program;
}

std::string statement_of(const Rule& rule) {
  if (!is_standard(rule)) return netlink::statement_of_target(rule.target.name);
  if (rule.verdict == -NF_DROP - 1) return "drop";
  return rule.verdict == -NF_QUEUE - 1 ? "queue" : "";
}

// As iptables calls it, by `number` from 1 in its chain, or as the chain's policy.
std::string place_of(const std::string& chain, unsigned number, bool is_policy) {
  return is_policy ? "the policy of " + chain : fmt::format("rule {} of {}", number, chain);
}

// Where each statement is first.
std::map<std::string, std::string> places_of(const LegacyEntries& entries, const std::vector<Rule>& rules) {
  static constexpr std::array<const char*, 5> kChains = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};
  std::map<std::string, std::string> places;
  std::string chain;
  unsigned number = 0;
  for (const Rule& rule : rules) {
    bool is_policy = false;
    for (std::size_t hook = 0; hook < entries.begins.size(); ++hook) {
      if ((entries.hooks & (1U << hook)) == 0) continue;
      if (entries.begins[hook] == rule.at) chain = kChains.at(hook), number = 0;
      is_policy = is_policy || entries.policies[hook] == rule.at;
    }
    if (is_end_or_head(rule)) {  // its name is the chain's: struct xt_error_target
      const auto* const name = reinterpret_cast<const char*>(rule.target.info.data());
      chain = std::string(name, ::strnlen(name, rule.target.info.size()));
      number = 0;
      continue;
    }
    ++number;
    if (const std::string done = statement_of(rule); !done.empty())
      places.try_emplace(done, place_of(chain, number, is_policy));
  }
  return places;
}

bool is_accept(const Rule& rule) { return is_standard(rule) && rule.verdict == -NF_ACCEPT - 1; }

// A table of which more cannot be told.
LegacyTable unknown() {
  LegacyTable table;
  table.statements = {"unknown"};
  return table;
}

std::optional<LegacyTable> read_table(const LegacyFamily& family, const std::string& name) {
  const UniqueFd socket(::socket(family.domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  ipt_getinfo info{};
  name.copy(info.name, sizeof info.name - 1);
  socklen_t length = sizeof info;
  if (!socket.valid() || ::getsockopt(socket.get(), family.level, IPT_SO_GET_INFO, &info, &length) != 0)
    return std::nullopt;

  // struct ipt_get_entries: the name, the size, and the entries, aligned.
  constexpr std::size_t kHeader = sizeof(ipt_get_entries);
  std::string answer(kHeader + info.size, '\0');
  struct {
    char name[XT_TABLE_MAXNAMELEN] = {};
    unsigned size = 0;
  } header;
  name.copy(header.name, sizeof header.name - 1);
  header.size = info.size;
  std::memcpy(answer.data(), &header, sizeof header);
  length = static_cast<socklen_t>(answer.size());
  std::optional<LegacyTable> table = unknown();
  if (::getsockopt(socket.get(), family.level, IPT_SO_GET_ENTRIES, answer.data(), &length) == 0) {
    LegacyEntries entries{family.domain == AF_INET6, info.valid_hooks, {}, {}, answer.substr(kHeader)};
    static_assert(NF_INET_NUMHOOKS == std::tuple_size_v<decltype(entries.begins)>);
    std::copy_n(info.hook_entry, entries.begins.size(), entries.begins.begin());
    std::copy_n(info.underflow, entries.policies.size(), entries.policies.begin());
    table = decode_legacy_table(std::move(entries));
  }
  if (table) table->name = fmt::format("{} {}", family.name, name);
  return table;
}

}  // namespace

std::optional<LegacyTable> decode_legacy_table(LegacyEntries entries) {
  const std::size_t address_part = kFamilies[entries.is_ipv6 ? 1 : 0].address_part;
  LegacyTable table;
  {
    const auto rules = rules_of(octets(entries.bytes), address_part);
    if (!rules) return unknown();
    const std::size_t hooks = static_cast<std::size_t>(std::popcount(entries.hooks));
    table.rules = rules->size() > hooks + 1 ? static_cast<unsigned>(rules->size() - hooks - 1) : 0;
    const bool is_the_kernels_own = std::all_of(
        rules->begin(), rules->end(), [](const Rule& rule) { return is_accept(rule) || is_end_or_head(rule); });
    if (is_the_kernels_own && table.rules == 0) return std::nullopt;
    for (const Rule& rule : *rules) {
      if (is_end_or_head(rule)) continue;
      if (std::string done = statement_of(rule); !done.empty()) table.statements.insert(std::move(done));
    }
    table.where = places_of(entries, *rules);
    const netlink::NftProgram program = program_of(entries, *rules);
    table.translations = netlink::translations_of(program);
    netlink::NftConditions conditions = netlink::conditions_of_translations(program);
    table.conditions = std::move(conditions.odd);
    table.parted = std::move(conditions.parted);
    if (netlink::translates(table.statements)) table.chains = netlink::steps_of(program);
    for (const Rule& rule : *rules)
      std::memset(entries.bytes.data() + rule.at + counters_offset(address_part), 0, kCountersSize);
  }
  table.digest = fmt::format("{:016x}", std::hash<std::string>()(entries.bytes));
  return table;
}

std::vector<LegacyTable> legacy_tables() {
  std::vector<LegacyTable> tables;
  for (const LegacyFamily& family : kFamilies) {
    std::ifstream names(family.names_file);
    std::string name;
    while (std::getline(names, name)) {
      if (auto table = read_table(family, name)) tables.push_back(*std::move(table));
    }
  }
  return tables;
}

PacketFilter packet_filter(const LegacyTable& table) {
  PacketFilter filter;
  filter.name = table.name;
  filter.holds = table.rules > 0 ? fmt::format("{} rules or chains", table.rules) : "another policy";
  filter.rules = table.rules;
  filter.is_idle = false;
  filter.contents = table.digest.empty() ? "unknown" : table.digest;
  filter.statements = table.statements;
  filter.translations = table.translations;
  filter.conditions = table.conditions;
  filter.parted = table.parted;
  filter.where = table.where;
  filter.chains = table.chains;
  return filter;
}

}  // namespace netns_lab::node
