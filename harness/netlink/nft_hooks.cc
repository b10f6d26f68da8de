#include "harness/netlink/nft_hooks.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>
#include <cerrno>
#include <map>
#include <set>
#include <utility>

#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/nft_request.h"
#include "harness/netlink/nft_table.h"

namespace netns_lab::netlink {
namespace {

bool is_not_supported(const Error& error) {
  return error.system_errno == ENOENT || error.system_errno == EPROTONOSUPPORT || error.system_errno == EOPNOTSUPP ||
         error.system_errno == EINVAL;
}

}  // namespace

Result<FilterChain> decode_filter_chain(const MessageView& message) {
  NETNS_LAB_ASSIGN(const nfgenmsg header, read_header<nfgenmsg>(message, "NFT_MSG_NEWCHAIN"));
  FilterChain chain;
  chain.table.first = header.nfgen_family;
  AttributeReader reader(after_header<nfgenmsg>(message));
  while (reader.next()) {
    if (reader.type() == NFTA_CHAIN_TABLE) chain.table.second = reader.string();
    if (reader.type() == NFTA_CHAIN_NAME) chain.name = reader.string();
    if (reader.type() == NFTA_CHAIN_POLICY) chain.drops = ntohl(reader.u32()) == NF_DROP;
    if (reader.type() != NFTA_CHAIN_HOOK) continue;
    chain.is_base = true;
    reader.nested([&](AttributeReader& hook) {
      while (hook.next()) {
        if (hook.type() == NFTA_HOOK_HOOKNUM) chain.hook = ntohl(hook.u32());
      }
    });
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode NFT_MSG_NEWCHAIN"));
  return chain;
}

Result<ChainKey> decode_chain_of_rule(const MessageView& message) {
  NETNS_LAB_ASSIGN(const nfgenmsg header, read_header<nfgenmsg>(message, "NFT_MSG_NEWRULE"));
  ChainKey key;
  key.first.first = header.nfgen_family;
  AttributeReader reader(after_header<nfgenmsg>(message));
  while (reader.next()) {
    if (reader.type() == NFTA_RULE_TABLE) key.first.second = reader.string();
    if (reader.type() == NFTA_RULE_CHAIN) key.second = reader.string();
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode NFT_MSG_NEWRULE"));
  return key;
}

std::string filter_hook_name(std::uint8_t family, std::uint32_t number) {
  // NF_NETDEV_*, NF_ARP_*, and of the others NF_INET_* (the bridge's NF_BR_* have the same order).
  constexpr std::array kOfDevices{"ingress", "egress"};
  constexpr std::array kOfArp{"input", "output", "forward"};
  constexpr std::array kOfPackets{"prerouting", "input", "forward", "output", "postrouting", "ingress"};
  const auto name = [number](const auto& names) {
    return number < names.size() ? std::string(names[number]) : fmt::format("hook-{}", number);
  };
  if (family == NFPROTO_NETDEV) return name(kOfDevices);
  return family == NFPROTO_ARP ? name(kOfArp) : name(kOfPackets);
}

Result<std::vector<FilterHook>> list_filter_hooks(NetlinkSocket& socket) {
  const auto tables = socket.dump(nft_request(NFT_MSG_GETTABLE));
  if (!tables && is_not_supported(tables.error())) return std::vector<FilterHook>{};
  if (!tables) return tl::unexpected(tables.error());
  std::set<NftTableKey> dormant;  // and those of our own traces, which drop nothing
  for (std::size_t i = 0; i < tables->size(); ++i) {
    NETNS_LAB_ASSIGN(const NftTable table, decode_nft_table((*tables)[i]));
    if (table.is_dormant || table.is_of_trace) dormant.insert(table.key);
  }
  if (tables->size() == 0) return std::vector<FilterHook>{};
  NETNS_LAB_ASSIGN(const Replies chains, socket.dump(nft_request(NFT_MSG_GETCHAIN)));
  NETNS_LAB_ASSIGN(const Replies rules, socket.dump(nft_request(NFT_MSG_GETRULE)));
  std::map<ChainKey, unsigned> counts;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    NETNS_LAB_ASSIGN(const ChainKey key, decode_chain_of_rule(rules[i]));
    ++counts[key];
  }
  std::vector<FilterHook> hooks;
  for (std::size_t i = 0; i < chains.size(); ++i) {
    NETNS_LAB_ASSIGN(const FilterChain chain, decode_filter_chain(chains[i]));
    if (!chain.is_base || dormant.count(chain.table) != 0) continue;
    hooks.push_back({.table = fmt::format("{} {}", nft_family_name(chain.table.first), chain.table.second),
                     .chain = chain.name,
                     .hook = filter_hook_name(chain.table.first, chain.hook),
                     .rules = counts[{chain.table, chain.name}],
                     .drops = chain.drops});
  }
  return hooks;
}

}  // namespace netns_lab::netlink
