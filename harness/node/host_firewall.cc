#include "harness/node/host_firewall.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <cerrno>

#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/node/legacy_tables.h"

namespace netns_lab::node {
namespace {

using netlink::AttributeReader;
using netlink::MessageView;
using netlink::NetlinkSocket;

constexpr std::uint16_t kNftables = NFNL_SUBSYS_NFTABLES << 8;

std::string family_name(std::uint8_t family) {
  switch (family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_IPV6:
      return "ip6";
    case NFPROTO_ARP:
      return "arp";
    case NFPROTO_BRIDGE:
      return "bridge";
    case NFPROTO_NETDEV:
      return "netdev";
    default:
      return fmt::format("family-{}", family);
  }
}

// nfnetlink numbers are in network byte order.
std::uint32_t big_endian(netlink::Bytes bytes) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

// Empty on kernels without nf_tables.
Result<netlink::Replies> dump(NetlinkSocket& socket, std::uint16_t type) {
  netlink::Request request(static_cast<std::uint16_t>(kNftables | type), 0);
  nfgenmsg header{};
  header.nfgen_family = NFPROTO_UNSPEC;
  header.version = NFNETLINK_V0;
  request.put_header(header);
  auto replies = socket.dump(std::move(request));
  if (replies) return replies;
  const int said = replies.error().system_errno;
  if (said == ENOENT || said == EPROTONOSUPPORT || said == EOPNOTSUPP || said == EINVAL) return netlink::Replies();
  return replies;
}

// Which chain a rule belongs to: "ip filter" and its name.
Result<std::pair<std::string, std::string>> chain_of_rule(const MessageView& message) {
  NETNS_LAB_ASSIGN(const nfgenmsg header, netlink::read_header<nfgenmsg>(message, "NFT_MSG_NEWRULE"));
  std::pair<std::string, std::string> place;
  AttributeReader reader(netlink::after_header<nfgenmsg>(message));
  while (reader.next()) {
    if (reader.type() == NFTA_RULE_TABLE)
      place.first = fmt::format("{} {}", family_name(header.nfgen_family), reader.string());
    if (reader.type() == NFTA_RULE_CHAIN) place.second = reader.string();
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode NFT_MSG_NEWRULE"));
  return place;
}

}  // namespace

Result<FirewallChain> decode_chain(const MessageView& message) {
  NETNS_LAB_ASSIGN(const nfgenmsg header, netlink::read_header<nfgenmsg>(message, "NFT_MSG_NEWCHAIN"));
  FirewallChain chain;
  AttributeReader reader(netlink::after_header<nfgenmsg>(message));
  while (reader.next()) {
    switch (reader.type()) {
      case NFTA_CHAIN_TABLE:
        chain.table = fmt::format("{} {}", family_name(header.nfgen_family), reader.string());
        break;
      case NFTA_CHAIN_NAME:
        chain.name = reader.string();
        break;
      case NFTA_CHAIN_HOOK:
        chain.is_base = true;
        break;
      case NFTA_CHAIN_POLICY:
        chain.drops = big_endian(reader.bytes()) == NF_DROP;
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode NFT_MSG_NEWCHAIN"));
  return chain;
}

Result<std::vector<std::string>> firewall_obstacles() {
  NETNS_LAB_ASSIGN(NetlinkSocket socket, NetlinkSocket::open(netlink::Protocol::kNetfilter));
  NETNS_LAB_ASSIGN(const netlink::Replies chain_replies, dump(socket, NFT_MSG_GETCHAIN));
  NETNS_LAB_ASSIGN(std::vector<FirewallChain> chains, netlink::decode_all<FirewallChain>(chain_replies, decode_chain));
  NETNS_LAB_ASSIGN(const netlink::Replies rule_replies, dump(socket, NFT_MSG_GETRULE));
  for (std::size_t i = 0; i < rule_replies.size(); ++i) {
    NETNS_LAB_ASSIGN(const auto place, chain_of_rule(rule_replies[i]));
    for (FirewallChain& chain : chains) {
      if (chain.table == place.first && chain.name == place.second) ++chain.rules;
    }
  }
  std::vector<std::string> obstacles;
  for (const FirewallChain& chain : chains) {
    if (!chain.is_base) continue;  // rules elsewhere are reached from a base chain's rules only
    if (chain.drops) obstacles.push_back(fmt::format("chain {} {} has policy drop", chain.table, chain.name));
    if (chain.rules > 0)
      obstacles.push_back(fmt::format("chain {} {} has {} rules", chain.table, chain.name, chain.rules));
  }
  for (const LegacyTable& table : legacy_tables()) {
    obstacles.push_back(
        fmt::format("{} has {}", table.name,
                    table.rules > 0 ? fmt::format("{} rules or chains", table.rules) : "a policy of its own"));
  }
  return obstacles;
}

}  // namespace netns_lab::node
