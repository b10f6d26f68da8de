#include "harness/netlink/link_settings.h"

#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <unordered_map>
#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

std::string text_of(Bytes bytes) { return std::string(bytes.begin(), bytes.end()); }

void read_family(AttributeReader& family, std::uint16_t wanted, std::string& into) {
  family.nested([&](AttributeReader& inner) {
    while (inner.next()) {
      if (inner.type() == wanted) into = text_of(inner.bytes());
    }
  });
}

}  // namespace

Result<LinkSettings> decode_link_settings(const MessageView& message) {
  NETNS_LAB_ASSIGN(const ifinfomsg header, read_header<ifinfomsg>(message, "RTM_NEWLINK"));
  LinkSettings settings;
  settings.link_index = static_cast<std::uint32_t>(header.ifi_index);
  AttributeReader reader(after_header<ifinfomsg>(message));
  while (reader.next()) {
    if (reader.type() == IFLA_IFNAME) settings.link = reader.string();
    if (reader.type() != IFLA_AF_SPEC) continue;
    reader.nested([&](AttributeReader& family) {
      while (family.next()) {
        if (family.type() == AF_INET) read_family(family, IFLA_INET_CONF, settings.ipv4);
        if (family.type() == AF_INET6) read_family(family, IFLA_INET6_CONF, settings.ipv6);
      }
    });
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWLINK"));
  return settings;
}

Result<NeighbourSettings> decode_neighbour_settings(const MessageView& message) {
  NETNS_LAB_ASSIGN([[maybe_unused]] const ndtmsg header, read_header<ndtmsg>(message, "RTM_NEWNEIGHTBL"));
  NeighbourSettings settings;
  AttributeReader reader(after_header<ndtmsg>(message));
  while (reader.next()) {
    if (reader.type() == NDTA_NAME) settings.table = reader.string();
    if (reader.type() != NDTA_PARMS) continue;
    reader.nested([&](AttributeReader& parameter) {
      while (parameter.next()) {
        switch (parameter.type()) {
          case NDTPA_IFINDEX:
            settings.link_index = parameter.u32();
            break;
          case NDTPA_REFCNT:
          case NDTPA_REACHABLE_TIME:  // drawn at random around NDTPA_BASE_REACHABLE_TIME, every few minutes (RFC
                                      // 4861, 6.3.2)
            break;
          default:
            settings.settings.push_back(static_cast<char>(parameter.type()));
            settings.settings += text_of(parameter.bytes());
        }
      }
    });
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWNEIGHTBL"));
  return settings;
}

Result<std::vector<LinkSettings>> list_link_settings(NetlinkSocket& socket) {
  Request links(RTM_GETLINK, 0);
  links.put_header(ifinfomsg{});
  links.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  NETNS_LAB_ASSIGN(const Replies link_replies, socket.dump(std::move(links)));
  NETNS_LAB_ASSIGN(std::vector<LinkSettings> settings, decode_all<LinkSettings>(link_replies, decode_link_settings));
  Request tables(RTM_GETNEIGHTBL, 0);
  tables.put_header(ndtmsg{});
  NETNS_LAB_ASSIGN(const Replies table_replies, socket.dump(std::move(tables)));
  std::unordered_map<std::uint32_t, LinkSettings*> by_index;
  for (LinkSettings& link : settings) by_index.emplace(link.link_index, &link);
  for (std::size_t i = 0; i < table_replies.size(); ++i) {
    NETNS_LAB_ASSIGN(NeighbourSettings found, decode_neighbour_settings(table_replies[i]));
    const auto link = by_index.find(found.link_index);
    if (found.link_index == 0 || link == by_index.end()) continue;
    if (found.table == "arp_cache") link->second->arp = std::move(found.settings);
    if (found.table == "ndisc_cache") link->second->nd = std::move(found.settings);
  }
  return settings;
}

}  // namespace netns_lab::netlink
