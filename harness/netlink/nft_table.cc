#include "harness/netlink/nft_table.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <utility>

#include "harness/netlink/attribute_reader.h"

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

Result<std::vector<std::string>> list_nft_tables(NetlinkSocket& socket) {
  Request request((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE, 0);
  nfgenmsg header{};
  header.nfgen_family = NFPROTO_UNSPEC;
  header.version = NFNETLINK_V0;
  request.put_header(header);
  const auto replies = socket.dump(std::move(request));
  if (!replies) {
    switch (replies.error().system_errno) {
      case ENOENT:
      case EPROTONOSUPPORT:
      case EOPNOTSUPP:
      case EINVAL:  // nfnetlink without the nf_tables subsystem
        return std::vector<std::string>{};
      default:
        return tl::unexpected(replies.error());
    }
  }
  NETNS_LAB_ASSIGN(const std::vector<NftTable> tables, decode_all<NftTable>(*replies, decode_nft_table));
  std::vector<NftTableKey> keys;
  for (const NftTable& table : tables) keys.push_back(table.key);
  NETNS_LAB_ASSIGN(const auto contents, read_nft_contents(socket, keys));
  std::vector<std::string> texts;
  for (const NftTable& table : tables) {
    const auto [family, name] = table.key;
    const std::string held = contents.at(table.key).text();
    texts.push_back(fmt::format("{} {}{}{}{}", nft_family_name(family), name, table.is_dormant ? ", dormant" : "",
                                held.empty() ? "" : " with ", held));
  }
  return texts;
}

Result<NftTable> decode_nft_table(const MessageView& message) {
  NETNS_LAB_ASSIGN(const nfgenmsg header, read_header<nfgenmsg>(message, "NFT_MSG_NEWTABLE"));
  NftTable table;
  table.key.first = header.nfgen_family;
  AttributeReader reader(after_header<nfgenmsg>(message));
  while (reader.next()) {
    if (reader.type() == NFTA_TABLE_NAME) table.key.second = reader.string();
    if (reader.type() == NFTA_TABLE_FLAGS) table.is_dormant = (ntohl(reader.u32()) & NFT_TABLE_F_DORMANT) != 0;
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode NFT_MSG_NEWTABLE"));
  return table;
}

}  // namespace netns_lab::netlink
