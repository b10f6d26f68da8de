#include "harness/netlink/nft_steps.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include <algorithm>
#include <map>
#include <utility>

#include "harness/base/text.h"
#include "harness/netlink/nft_attributes.h"
#include "harness/netlink/nft_elements.h"
#include "harness/netlink/nft_match.h"
#include "harness/netlink/nft_registers.h"

namespace netns_lab::netlink {
namespace {

constexpr unsigned kDeepest = 16;  // NFT_JUMP_STACK_SIZE
constexpr std::size_t kMostFields = 4'000;

using Octets = std::vector<std::uint8_t>;
using Matches = std::vector<PacketMatch>;

Bytes info_of(const NftAttributes& attributes, std::uint16_t type) {
  const auto found = attributes.find(type);
  return found == attributes.end() ? Bytes() : found->second;
}

class Steps {
 public:
  explicit Steps(const NftProgram& program) : program_(program) {}

  std::vector<PacketStep> of(const std::string& base_chain, const std::string& hook) {
    hook_ = hook;
    steps_.clear();
    fields_ = 0;
    add_chain(base_chain, 0);
    if (fields_ <= kMostFields) return std::move(steps_);
    steps_.clear();
    add({}, "unknown");
    return std::move(steps_);
  }

 private:
  using Leaving = std::vector<std::size_t>;  // steps that skip what is left of their chain

  std::size_t add(Matches asks, std::string does) {
    for (const PacketMatch& match : asks) {
      for (const auto& fields : match.any) fields_ += fields.size();
    }
    ++fields_;
    PacketStep step;
    step.asks = std::move(asks);
    step.does = std::move(does);
    steps_.push_back(std::move(step));
    return steps_.size() - 1;
  }
  void skip_to_here(std::size_t step) { steps_[step].skip = static_cast<std::uint32_t>(steps_.size() - step - 1); }

  void add_chain(const std::string& chain, unsigned depth) {
    const auto rules = program_.rules.find(chain);
    if (rules == program_.rules.end() || depth >= kDeepest) return;
    Leaving leaving;
    for (const auto& rule : rules->second) {
      if (fields_ > kMostFields) return;
      add_rule(rule, depth, leaving);
    }
    for (const std::size_t step : leaving) skip_to_here(step);
  }

  void add_rule(const std::vector<NftExpression>& rule, unsigned depth, Leaving& leaving) {
    NftRegisters registers(program_.family);
    Matches asks;
    for (const NftExpression& expression : rule) {
      const NftAttributes attributes = attributes_of(expression.data);
      const std::string& name = expression.name;
      if (registers.load(name, attributes)) continue;
      if (name == "cmp") {
        asks.push_back(compare(registers, attributes));
      } else if (name == "range") {
        const std::uint32_t reg = number(attributes, NFTA_RANGE_SREG);
        PacketMatch match;
        match.any = {
            registers.fields(reg, value(attributes, NFTA_RANGE_FROM_DATA), value(attributes, NFTA_RANGE_TO_DATA))};
        match.negated = number(attributes, NFTA_RANGE_OP) == NFT_RANGE_NEQ;
        asks.push_back(std::move(match));
      } else if (name == "lookup") {
        look_up(registers, attributes, asks, depth, leaving);
      } else if (name == "immediate") {
        const std::uint32_t reg = number(attributes, NFTA_IMMEDIATE_DREG);
        if (reg != NFT_REG_VERDICT) {
          registers.load_constant(reg, value(attributes, NFTA_IMMEDIATE_DATA));
        } else {
          decide(attributes, NFTA_IMMEDIATE_DATA, asks, depth, leaving);
        }
      } else if (name == "meta") {
        if (number(attributes, NFTA_META_KEY) == NFT_META_MARK)
          add_mark(registers.mark(number(attributes, NFTA_META_SREG)), asks);
      } else if (name == "match") {
        Matches all = matches_of(text(attributes, NFTA_MATCH_NAME), info_of(attributes, NFTA_MATCH_INFO));
        asks.insert(asks.end(), all.begin(), all.end());
      } else if (name == "target") {
        target(text(attributes, NFTA_TARGET_NAME), info_of(attributes, NFTA_TARGET_INFO), asks);
      } else if (name == "masq") {
        add(asks, "source");
      } else if (name == "redir") {
        add(asks, "destination");
      } else if (name == "nat") {
        const bool is_source = number(attributes, NFTA_NAT_TYPE) != NFT_NAT_DNAT;
        const std::size_t step = add(asks, is_source ? "source" : "destination");
        const std::size_t size = number(attributes, NFTA_NAT_FAMILY) == NFPROTO_IPV6 ? 16 : 4;
        if (is_source && attributes.contains(NFTA_NAT_REG_ADDR_MIN))
          steps_[step].value = registers.constant(number(attributes, NFTA_NAT_REG_ADDR_MIN), size);
      } else if (name == "reject" || name == "queue" || name == "tproxy" || name == "fwd") {
        add(asks, "pass");
      } else if (may_end_a_rule(name, attributes)) {
        asks.push_back(unknown_match());
      }
    }
  }

  // Of SNAT: struct nf_nat_ipv4_multi_range_compat (its revision 0), nf_nat_range, nf_nat_range2.
  std::string first_address(Bytes info) const {
    constexpr std::size_t kRange = 40;
    const std::size_t at = info.size() < kRange ? 8 : 4;
    const std::size_t size = program_.family == NFPROTO_IPV6 ? 16 : 4;
    return info.size() < at + size ? "" : hexadecimal(info.subspan(at, size));
  }

  static bool may_end_a_rule(const std::string& name, const NftAttributes& attributes) {
    if (name == "objref") return number(attributes, NFTA_OBJREF_IMM_TYPE) != NFT_OBJECT_COUNTER;
    return name != "counter" && name != "log" && name != "last" && name != "notrack" && name != "payload" &&
           name != "ct" && name != "exthdr" && name != "dup";
  }

  static PacketMatch compare(const NftRegisters& registers, const NftAttributes& attributes) {
    const std::uint32_t reg = number(attributes, NFTA_CMP_SREG);
    const Octets with = value(attributes, NFTA_CMP_DATA);
    const Octets least(with.size(), 0);
    const Octets most(with.size(), 0xFF);
    PacketMatch match;
    const std::uint32_t how = number(attributes, NFTA_CMP_OP);
    match.negated = how == NFT_CMP_NEQ || how == NFT_CMP_LT || how == NFT_CMP_GT;
    const bool is_below = how == NFT_CMP_LTE || how == NFT_CMP_GT;  // not greater, or not that
    const bool is_above = how == NFT_CMP_GTE || how == NFT_CMP_LT;
    match.any = {registers.fields(reg, is_below ? least : with, is_above ? most : with)};
    return match;
  }

  void look_up(NftRegisters& registers, const NftAttributes& attributes, Matches& asks, unsigned depth,
               Leaving& leaving) {
    const std::string name = text(attributes, NFTA_LOOKUP_SET);
    const auto set = program_.sets.find(name);
    const std::uint32_t reg = number(attributes, NFTA_LOOKUP_SREG);
    const bool is_map = attributes.contains(NFTA_LOOKUP_DREG);
    const std::uint32_t destination = number(attributes, NFTA_LOOKUP_DREG);
    const bool is_known = set != program_.sets.end() && !program_.changing.contains(name);
    PacketMatch match = unknown_match();
    if (is_known) match.any.clear();
    match.negated = (number(attributes, NFTA_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV) != 0;
    std::vector<NftKey> elements = set == program_.sets.end()
                                       ? std::vector<NftKey>()
                                       : elements_of(set->second, program_.intervals.contains(name));
    // What is not in it otherwise comes last.
    std::stable_partition(elements.begin(), elements.end(), [](const NftKey& one) { return !one.key.empty(); });
    for (const NftKey& element : elements) {
      if (fields_ + match.any.size() > kMostFields) break;
      const std::vector<PacketField> fields =
          registers.fields(reg, element.key, element.key_end ? *element.key_end : element.key);
      if (is_map && destination == NFT_REG_VERDICT) {
        Matches these = asks;
        these.push_back(is_known ? PacketMatch{false, {fields}} : unknown_match());
        decide(attributes_of(element.attributes), NFTA_SET_ELEM_DATA, these, depth, leaving);
      } else if (is_known) {
        match.any.push_back(fields);
      }
    }
    if (is_map && destination == NFT_REG_VERDICT) return;  // what is not in it goes on
    asks.push_back(std::move(match));
    if (is_map) registers.forget(destination, 16);
  }

  void decide(const NftAttributes& attributes, std::uint16_t type, const Matches& asks, unsigned depth,
              Leaving& leaving) {
    const NftAttributes said = verdict(attributes, type);
    if (!said.contains(NFTA_VERDICT_CODE)) return;
    const auto code = static_cast<std::int32_t>(number(said, NFTA_VERDICT_CODE));
    if (code == NFT_JUMP || code == NFT_GOTO) {
      const std::size_t gate = add(asks, "unless");
      add_chain(text(said, NFTA_VERDICT_CHAIN), depth + 1);
      if (code == NFT_GOTO) leaving.push_back(add({}, "skip"));
      return skip_to_here(gate);
    }
    if (code == NFT_RETURN) return leaving.push_back(add(asks, "skip"));
    if (code != NFT_CONTINUE && code != NFT_BREAK) add(asks, "pass");
  }

  void add_mark(PacketStep step, const Matches& asks) {
    PacketStep& added = steps_[add(asks, "mark")];
    added.mask = std::move(step.mask);
    added.value = std::move(step.value);
  }

  void target(const std::string& name, Bytes info, const Matches& asks) {
    if (auto step = mark_of(name, info)) return add_mark(*std::move(step), asks);
    const bool is_at_the_end = hook_ == "postrouting" || hook_ == "input";
    if (name == "MASQUERADE" || name == "SNAT" || (name == "NETMAP" && is_at_the_end)) {
      const std::size_t step = add(asks, "source");
      if (name == "SNAT") steps_[step].value = first_address(info);
    } else if (name == "DNAT" || name == "REDIRECT" || name == "NETMAP") {
      add(asks, "destination");
    } else if (name == "REJECT" || name == "TPROXY" || name == "NFQUEUE") {
      add(asks, "pass");
    }
  }

  const NftProgram& program_;
  std::string hook_;
  std::vector<PacketStep> steps_;
  std::size_t fields_ = 0;
};

}  // namespace

bool translates(const std::set<std::string>& statements) {
  return std::any_of(statements.begin(), statements.end(), [](const std::string& one) {
    return one == "masquerade" || one == "snat" || one == "dnat" || one == "redirect" || one == "netmap";
  });
}

std::vector<PacketChain> steps_of(const NftProgram& program) {
  std::vector<PacketChain> chains;
  for (const std::string& name : program.base_chains) {
    const auto hook = program.hooks.find(name);
    if (hook == program.hooks.end()) continue;
    chains.push_back({hook->second.name, hook->second.priority, Steps(program).of(name, hook->second.name)});
  }
  std::stable_sort(chains.begin(), chains.end(),
                   [](const PacketChain& a, const PacketChain& b) { return a.priority < b.priority; });
  return chains;
}

}  // namespace netns_lab::netlink
