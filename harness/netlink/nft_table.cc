#include "harness/netlink/nft_table.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <utility>

#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/nft_request.h"

namespace netns_lab::netlink {

std::string nft_family_name(std::uint8_t family) {
  switch (family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_ARP:
      return "arp";
    case NFPROTO_NETDEV:
      return "netdev";
    case NFPROTO_BRIDGE:
      return "bridge";
    case NFPROTO_IPV6:
      return "ip6";
    default:
      return fmt::format("family-{}", family);
  }
}

std::optional<NftTableKey> nft_table_key(std::string_view text) {
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos || blank + 1 == text.size()) return std::nullopt;
  for (const int family : {NFPROTO_INET, NFPROTO_IPV4, NFPROTO_ARP, NFPROTO_NETDEV, NFPROTO_BRIDGE, NFPROTO_IPV6}) {
    const auto number = static_cast<std::uint8_t>(family);
    if (nft_family_name(number) == text.substr(0, blank)) return NftTableKey(number, text.substr(blank + 1));
  }
  return std::nullopt;
}

std::string trace_table_name(std::uint32_t port) { return fmt::format("netns-lab-trace-{}", port); }

std::string to_string(const NftTableKey& key) { return nft_family_name(key.first) + " " + key.second; }

namespace {

// Of all families. Empty on a kernel without nf_tables (EINVAL: nfnetlink without that subsystem).
Result<std::vector<NftTable>> read_tables(NetlinkSocket& socket) {
  const auto replies = socket.dump(nft_request(NFT_MSG_GETTABLE));
  if (replies) return decode_all<NftTable>(*replies, decode_nft_table);
  switch (replies.error().system_errno) {
    case ENOENT:
    case EPROTONOSUPPORT:
    case EOPNOTSUPP:
    case EINVAL:
      return std::vector<NftTable>{};
    default:
      return tl::unexpected(replies.error());
  }
}

}  // namespace

Result<std::vector<PacketFilter>> list_nft_tables(NetlinkSocket& socket) {
  NETNS_LAB_ASSIGN(std::vector<NftTable> tables, read_tables(socket));
  std::erase_if(tables, [](const NftTable& table) { return table.is_of_trace; });
  std::vector<NftTableKey> keys;
  for (const NftTable& table : tables) keys.push_back(table.key);
  NETNS_LAB_ASSIGN(const auto contents, read_nft_contents(socket, keys));
  std::vector<PacketFilter> filters;
  for (const NftTable& table : tables) {
    filters.push_back(contents.at(table.key).filter());
    filters.back().name = to_string(table.key);
    filters.back().is_dormant = table.is_dormant;
  }
  return filters;
}

Result<bool> has_nft_table(NetlinkSocket& socket, const NftTableKey& key) {
  NETNS_LAB_ASSIGN(const std::vector<NftTable> tables, read_tables(socket));
  return std::any_of(tables.begin(), tables.end(), [&](const NftTable& table) { return table.key == key; });
}

Result<void> delete_nft_table(NetlinkSocket& socket, const NftTableKey& key) {
  std::vector<Request> requests{nft_request(NFT_MSG_DELTABLE, key.first)};
  requests.front().put_string(NFTA_TABLE_NAME, key.second);
  auto deleted = socket.commit(std::move(requests), NFNL_SUBSYS_NFTABLES);
  if (deleted) return {};
  Error error = std::move(deleted).error();
  error.attempted = "delete nft table " + to_string(key);
  return tl::unexpected(std::move(error));
}

Result<NftTable> decode_nft_table(const MessageView& message) {
  NETNS_LAB_ASSIGN(const nfgenmsg header, read_header<nfgenmsg>(message, "NFT_MSG_NEWTABLE"));
  NftTable table;
  table.key.first = header.nfgen_family;
  std::optional<std::uint32_t> owner;
  AttributeReader reader(after_header<nfgenmsg>(message));
  while (reader.next()) {
    if (reader.type() == NFTA_TABLE_OWNER) owner = ntohl(reader.u32());
    if (reader.type() == NFTA_TABLE_NAME) table.key.second = reader.string();
    if (reader.type() == NFTA_TABLE_FLAGS) table.is_dormant = (ntohl(reader.u32()) & NFT_TABLE_F_DORMANT) != 0;
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode NFT_MSG_NEWTABLE"));
  table.is_of_trace = owner && table.key.second == trace_table_name(*owner);
  return table;
}

}  // namespace netns_lab::netlink
