#include "harness/netlink/nft_contents.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <set>

#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/nft_conditions.h"
#include "harness/netlink/nft_hooks.h"
#include "harness/netlink/nft_request.h"
#include "harness/netlink/nft_steps.h"

namespace netns_lab::netlink {
namespace {

// A kernel that knows no such objects (EINVAL, EOPNOTSUPP) has none; ENOENT: the table or set is gone by now.
Result<Replies> dump(NetlinkSocket& socket, Request request) {
  auto replies = socket.dump(std::move(request));
  if (replies) return replies;
  const int reason = replies.error().system_errno;
  if (reason == ENOENT || reason == EINVAL || reason == EOPNOTSUPP) return Replies();
  return replies;
}

void append(std::string& bytes, std::uint16_t type, Bytes value) {
  const auto size = static_cast<std::uint32_t>(value.size());
  bytes.append(reinterpret_cast<const char*>(&type), sizeof type);
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes.append(reinterpret_cast<const char*>(value.data()), value.size());
}

void append(std::string& bytes, std::uint16_t type, const std::string& value) {
  append(bytes, type, Bytes(reinterpret_cast<const std::uint8_t*>(value.data()), value.size()));
}

using Statements = std::set<std::string>;

std::uint32_t number_in(Bytes data, std::uint16_t type) {
  AttributeReader reader(data);
  std::uint32_t number = 0;
  while (reader.next()) {
    if (reader.type() == type) number = ntohl(reader.u32());
  }
  return number;
}

bool has(Bytes data, std::uint16_t type) {
  AttributeReader reader(data);
  while (reader.next()) {
    if (reader.type() == type) return true;
  }
  return false;
}

// Of NFTA_DATA_*, in a rule or as what a map leads to.
void add_verdict(AttributeReader& data, Statements& statements) {
  while (data.next()) {
    if (data.type() != NFTA_DATA_VERDICT) continue;
    data.nested([&](AttributeReader& verdict) {
      while (verdict.next()) {
        if (verdict.type() == NFTA_VERDICT_CODE && ntohl(verdict.u32()) == NF_DROP) statements.insert("drop");
      }
    });
  }
}

// What iptables has nf_tables do (net/netfilter/nft_compat.c).
std::string target_statement(Bytes data) {
  AttributeReader reader(data);
  std::string name;
  while (reader.next()) {
    if (reader.type() == NFTA_TARGET_NAME) name = reader.string();
  }
  return statement_of_target(std::move(name));
}

// The names are those of the kernel's expressions (struct nft_expr_type); most of them only look at a packet.
void add_statement(const std::string& name, Bytes data, Statements& statements) {
  static const std::map<std::string, const char*> kAlways = {
      {"reject", "reject"},     {"masq", "masquerade"},  {"redir", "redirect"}, {"notrack", "notrack"},
      {"queue", "queue"},       {"tproxy", "tproxy"},    {"fwd", "fwd"},        {"dup", "dup"},
      {"synproxy", "synproxy"}, {"flow_offload", "flow"}};
  if (const auto found = kAlways.find(name); found != kAlways.end()) statements.insert(found->second);
  if (name == "nat") statements.insert(number_in(data, NFTA_NAT_TYPE) == NFT_NAT_DNAT ? "dnat" : "snat");
  if (name == "payload" && has(data, NFTA_PAYLOAD_SREG)) statements.insert("payload");
  if (name == "exthdr" && has(data, NFTA_EXTHDR_SREG)) statements.insert("exthdr");
  if (name == "meta" && has(data, NFTA_META_SREG))
    statements.insert(number_in(data, NFTA_META_KEY) == NFT_META_MARK ? "mark" : "meta");
  if (name == "ct" && has(data, NFTA_CT_SREG))
    statements.insert(number_in(data, NFTA_CT_KEY) == NFT_CT_MARK ? "mark" : "ct");
  if (name == "target") {
    if (const std::string done = target_statement(data); !done.empty()) statements.insert(done);
  }
  if (name == "objref" && has(data, NFTA_OBJREF_IMM_TYPE)) {
    const std::uint32_t type = number_in(data, NFTA_OBJREF_IMM_TYPE);
    if (type != NFT_OBJECT_COUNTER && type != NFT_OBJECT_QUOTA && type != NFT_OBJECT_LIMIT) statements.insert("object");
  }
  if (name != "immediate") return;
  AttributeReader reader(data);
  while (reader.next()) {
    if (reader.type() == NFTA_IMMEDIATE_DATA)
      reader.nested([&](AttributeReader& value) { add_verdict(value, statements); });
  }
}

// One expression of a rule or element (NFTA_EXPR_*). What a counter counted, a quota consumed and `last` saw is left
// out.
std::string expression(AttributeReader& reader, Statements& statements, std::vector<NftExpression>& all) {
  std::string name;
  Bytes data;
  while (reader.next()) {
    if (reader.type() == NFTA_EXPR_NAME) name = reader.string();
    if (reader.type() == NFTA_EXPR_DATA) data = reader.bytes();
  }
  add_statement(name, data, statements);
  all.push_back({name, {data.begin(), data.end()}});
  std::string bytes = name + '\0';
  if (name == "counter" || name == "last") return bytes;
  AttributeReader inner(data);
  while (inner.next()) {
    if (name == "quota" && inner.type() == NFTA_QUOTA_CONSUMED) continue;
    append(bytes, inner.type(), inner.bytes());
  }
  return bytes;
}

std::string expressions(AttributeReader& list, Statements& statements, std::vector<NftExpression>& all) {
  std::string bytes;
  while (list.next()) {
    list.nested([&](AttributeReader& item) { append(bytes, NFTA_LIST_ELEM, expression(item, statements, all)); });
  }
  return bytes;
}

struct Object {
  NftTableKey table;
  std::string name;         // of the object, or of the rule's chain
  std::uint32_t flags = 0;  // of a set
  bool drops = false;       // a chain's policy
  Statements statements;    // of a rule
  std::vector<NftExpression> expressions{};
  bool is_base = false;  // a chain that packets meet by themselves
  NftHook hook{};        // of such
  std::string bytes;
};

// What an object of one sort calls its parts: `table`, `name`; `ignored` are left out of its bytes.
struct Sort {
  std::uint16_t message;
  std::uint16_t table;
  std::uint16_t name;
  std::set<std::uint16_t> ignored;
};
const Sort kChains = {NFT_MSG_GETCHAIN,
                      NFTA_CHAIN_TABLE,
                      NFTA_CHAIN_NAME,
                      {NFTA_CHAIN_HANDLE, NFTA_CHAIN_USE, NFTA_CHAIN_COUNTERS, NFTA_CHAIN_PAD}};
const Sort kRules = {NFT_MSG_GETRULE,
                     NFTA_RULE_TABLE,
                     NFTA_RULE_CHAIN,
                     {NFTA_RULE_HANDLE, NFTA_RULE_POSITION, NFTA_RULE_PAD, NFTA_RULE_EXPRESSIONS}};
// Linux 6.17: NFTA_SET_TYPE, how it is kept, and NFTA_SET_COUNT, how many elements it has, which packets may change.
constexpr std::uint16_t kSetType = 19;
constexpr std::uint16_t kSetCount = 20;
const Sort kSets = {
    NFT_MSG_GETSET, NFTA_SET_TABLE, NFTA_SET_NAME, {NFTA_SET_HANDLE, NFTA_SET_ID, NFTA_SET_PAD, kSetType, kSetCount}};
const Sort kStateful = {
    NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, NFTA_OBJ_NAME, {NFTA_OBJ_HANDLE, NFTA_OBJ_USE, NFTA_OBJ_PAD, NFTA_OBJ_DATA}};
const Sort kFlowtables = {NFT_MSG_GETFLOWTABLE,
                          NFTA_FLOWTABLE_TABLE,
                          NFTA_FLOWTABLE_NAME,
                          {NFTA_FLOWTABLE_HANDLE, NFTA_FLOWTABLE_USE, NFTA_FLOWTABLE_PAD}};

Result<Object> decode(const MessageView& message, const Sort& sort) {
  NETNS_LAB_ASSIGN(const nfgenmsg header, read_header<nfgenmsg>(message, "nf_tables object"));
  Object object;
  object.table.first = header.nfgen_family;
  object.bytes = fmt::format("{} ", sort.message);
  AttributeReader reader(after_header<nfgenmsg>(message));
  while (reader.next()) {
    const std::uint16_t type = reader.type();
    if (type == sort.table) object.table.second = reader.string();
    if (type == sort.name) object.name = reader.string();
    if (sort.message == NFT_MSG_GETSET && type == NFTA_SET_FLAGS) object.flags = ntohl(reader.u32());
    if (sort.message == NFT_MSG_GETCHAIN && type == NFTA_CHAIN_POLICY) object.drops = ntohl(reader.u32()) == NF_DROP;
    if (sort.message == NFT_MSG_GETCHAIN && type == NFTA_CHAIN_HOOK) {
      object.is_base = true;
      object.hook = {filter_hook_name(header.nfgen_family, number_in(reader.bytes(), NFTA_HOOK_HOOKNUM)),
                     static_cast<std::int32_t>(number_in(reader.bytes(), NFTA_HOOK_PRIORITY))};
    }
    if (sort.message == NFT_MSG_GETRULE && type == NFTA_RULE_EXPRESSIONS)
      reader.nested([&](AttributeReader& list) {
        append(object.bytes, type, expressions(list, object.statements, object.expressions));
      });
    if (sort.ignored.count(type) == 0) append(object.bytes, type, reader.bytes());
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode an nf_tables object"));
  return object;
}

Result<std::vector<Object>> list(NetlinkSocket& socket, const Sort& sort) {
  NETNS_LAB_ASSIGN(const Replies replies, dump(socket, nft_request(sort.message)));
  std::vector<Object> objects;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    NETNS_LAB_ASSIGN(Object object, decode(replies[i], sort));
    objects.push_back(std::move(object));
  }
  return objects;
}

std::string element(AttributeReader& reader, Statements& statements) {
  std::string bytes;
  while (reader.next()) {
    const std::uint16_t type = reader.type();
    if (type == NFTA_SET_ELEM_DATA) reader.nested([&](AttributeReader& data) { add_verdict(data, statements); });
    if (type == NFTA_SET_ELEM_EXPR || type == NFTA_SET_ELEM_EXPRESSIONS || type == NFTA_SET_ELEM_EXPIRATION) continue;
    append(bytes, type, reader.bytes());
  }
  return bytes;
}

// The elements of a set, in an order of their own.
Result<std::vector<std::string>> elements(NetlinkSocket& socket, const Object& set, Statements& statements,
                                          std::vector<NftElement>& all) {
  Request request = nft_request(NFT_MSG_GETSETELEM, set.table.first);
  request.put_string(NFTA_SET_ELEM_LIST_TABLE, set.table.second);
  request.put_string(NFTA_SET_ELEM_LIST_SET, set.name);
  NETNS_LAB_ASSIGN(const Replies replies, dump(socket, std::move(request)));
  std::vector<std::string> found;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    AttributeReader reader(after_header<nfgenmsg>(replies[i]));
    while (reader.next()) {
      if (reader.type() != NFTA_SET_ELEM_LIST_ELEMENTS) continue;
      reader.nested([&](AttributeReader& items) {
        while (items.next()) {
          all.push_back({{items.bytes().begin(), items.bytes().end()}});
          items.nested([&](AttributeReader& item) { found.push_back(element(item, statements)); });
        }
      });
    }
    if (!reader.ok()) return tl::unexpected(reader.error("decode the elements of nf_tables set " + set.name));
  }
  std::sort(found.begin(), found.end());
  return found;
}

class Reading {
 public:
  Reading(NetlinkSocket& socket, const std::vector<NftTableKey>& tables) : socket_(socket) {
    for (const NftTableKey& table : tables) contents_[table].program.family = table.first;
  }

  Result<std::map<NftTableKey, NftContents>> read() {
    NETNS_LAB_TRY(add(kChains, &NftContents::chains));
    NETNS_LAB_TRY(add_rules());
    NETNS_LAB_TRY(add_sets());
    NETNS_LAB_TRY(add(kStateful, &NftContents::others));
    NETNS_LAB_TRY(add(kFlowtables, &NftContents::others));
    for (auto& [table, contents] : contents_) std::sort(contents.objects.begin(), contents.objects.end());
    return std::move(contents_);
  }

 private:
  NftContents* of(const Object& object) {
    const auto found = contents_.find(object.table);
    return found == contents_.end() ? nullptr : &found->second;
  }

  Result<void> add(const Sort& sort, unsigned NftContents::*count) {
    NETNS_LAB_ASSIGN(const std::vector<Object> objects, list(socket_, sort));
    for (const Object& object : objects) {
      NftContents* const contents = of(object);
      if (contents == nullptr) continue;
      ++(contents->*count);
      contents->drops = contents->drops || object.drops;
      if (object.drops) contents->statements.insert("drop");
      if (object.is_base) contents->program.base_chains.push_back(object.name);
      if (object.is_base) contents->program.hooks[object.name] = object.hook;
      contents->objects.push_back(object.bytes);
    }
    return {};
  }

  // Their order within their chain is part of them.
  Result<void> add_rules() {
    NETNS_LAB_ASSIGN(const std::vector<Object> objects, list(socket_, kRules));
    std::map<std::pair<NftTableKey, std::string>, unsigned> places;
    for (const Object& rule : objects) {
      NftContents* const contents = of(rule);
      if (contents == nullptr) continue;
      ++contents->rules;
      contents->program.rules[rule.name].push_back(rule.expressions);
      contents->statements.insert(rule.statements.begin(), rule.statements.end());
      contents->objects.push_back(fmt::format("{} {}", ++places[{rule.table, rule.name}], rule.bytes));
    }
    return {};
  }

  Result<void> add_sets() {
    NETNS_LAB_ASSIGN(const std::vector<Object> objects, list(socket_, kSets));
    for (const Object& set : objects) {
      NftContents* const contents = of(set);
      if (contents == nullptr) continue;
      ++contents->sets;
      std::string bytes = set.bytes;
      NETNS_LAB_ASSIGN(const std::vector<std::string> held,
                       elements(socket_, set, contents->statements, contents->program.sets[set.name]));
      const bool is_filled = (set.flags & (NFT_SET_EVAL | NFT_SET_TIMEOUT)) != 0;
      if (is_filled) contents->program.changing.insert(set.name);
      if ((set.flags & NFT_SET_INTERVAL) != 0 && (set.flags & NFT_SET_CONCAT) == 0)
        contents->program.intervals.insert(set.name);
      for (const std::string& one : held) {
        if (!is_filled) append(bytes, NFTA_LIST_ELEM, one);
      }
      contents->objects.push_back(std::move(bytes));
    }
    return {};
  }

  NetlinkSocket& socket_;
  std::map<NftTableKey, NftContents> contents_;
};

}  // namespace

Result<NftObjectSaid> decode_nft_object(const MessageView& message, std::uint16_t sort) {
  for (const Sort* known : {&kChains, &kRules, &kSets, &kStateful, &kFlowtables}) {
    if (known->message != sort) continue;
    NETNS_LAB_ASSIGN(Object object, decode(message, *known));
    return NftObjectSaid{std::move(object.bytes), std::move(object.statements), std::move(object.expressions)};
  }
  return tl::unexpected(Error::internal("decode an nf_tables object", fmt::format("there is no sort {}", sort)));
}

std::string statement_of_target(std::string name) {
  if (name == "MARK" || name == "CONNMARK") return "mark";
  if (name == "LOG" || name == "NFLOG" || name == "TRACE") return "";
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return 'A' <= c && c <= 'Z' ? c + ('a' - 'A') : c; });
  return name;
}

PacketFilter NftContents::filter() const {
  PacketFilter filter;
  if (objects.empty()) return filter;
  std::string bytes;
  for (const std::string& object : objects) append(bytes, 0, object);
  std::vector<std::string> counts;
  const auto count = [&](unsigned number, const char* what) {
    if (number != 0) counts.push_back(fmt::format("{} {}{}", number, what, number == 1 ? "" : "s"));
  };
  count(chains, "chain");
  count(rules, "rule");
  count(sets, "set");
  count(others, "object");
  filter.is_idle = rules == 0 && sets == 0 && others == 0 && !drops;
  filter.holds = fmt::format("{}{}", fmt::join(counts, ", "), filter.is_idle ? " without effect" : "");
  filter.rules = rules;
  filter.contents = fmt::format("{:016x}", std::hash<std::string>()(bytes));
  filter.statements = statements;
  filter.translations = translations_of(program);
  NftConditions conditions = conditions_of_translations(program);
  filter.conditions = std::move(conditions.odd);
  filter.parted = std::move(conditions.parted);
  if (translates(statements)) filter.chains = steps_of(program);
  return filter;
}

Result<std::map<NftTableKey, NftContents>> read_nft_contents(NetlinkSocket& socket,
                                                             const std::vector<NftTableKey>& tables) {
  if (tables.empty()) return std::map<NftTableKey, NftContents>();
  return Reading(socket, tables).read();
}

}  // namespace netns_lab::netlink
