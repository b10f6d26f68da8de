#include "harness/netlink/next_hop.h"

#include <fmt/format.h>

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {

Result<std::vector<NextHopObject>> list_next_hops(NetlinkSocket& socket) {
  Request request(RTM_GETNEXTHOP, 0);
  request.put_header(nhmsg{});
  const auto replies = socket.dump(std::move(request));
  if (!replies && replies.error().system_errno == EOPNOTSUPP) return std::vector<NextHopObject>{};
  if (!replies) return tl::unexpected(replies.error());
  return decode_all<NextHopObject>(*replies, decode_next_hop);
}

Result<NextHopObject> decode_next_hop(const MessageView& message) {
  NETNS_LAB_ASSIGN(const nhmsg header, read_header<nhmsg>(message, "RTM_NEWNEXTHOP"));
  NextHopObject hop;
  hop.object.kind = "next hop";
  std::vector<std::string> words;
  AttributeReader reader(after_header<nhmsg>(message));
  while (reader.next()) {
    switch (reader.type()) {
      case NHA_ID:
        hop.object.name = fmt::format("id {}", reader.u32());
        break;
      case NHA_OIF:
        hop.link_index = reader.u32();
        break;
      case NHA_GATEWAY:
        if (const auto gateway = reader.address()) words.push_back("via " + gateway->to_string());
        break;
      case NHA_BLACKHOLE:
        words.emplace_back("blackhole");
        break;
      case NHA_FDB:
        words.emplace_back("fdb");
        break;
      case NHA_ENCAP_TYPE:
        words.push_back(fmt::format("encap {}", reader.u16()));
        break;
      case NHA_GROUP: {
        std::string group;
        for (Bytes rest = reader.bytes(); rest.size() >= sizeof(nexthop_grp);
             rest = rest.subspan(sizeof(nexthop_grp))) {
          nexthop_grp member{};
          std::memcpy(&member, rest.data(), sizeof member);
          group += fmt::format("{}{},{}", group.empty() ? "" : "/", member.id, member.weight + 1);
        }
        words.push_back("group " + group);
        break;
      }
      default:
        break;
    }
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWNEXTHOP"));
  if ((header.nh_flags & RTNH_F_ONLINK) != 0) words.emplace_back("onlink");
  words.push_back(fmt::format("proto {}", header.nh_protocol));
  hop.object.details = fmt::format("{}", fmt::join(words, " "));
  return hop;
}

}  // namespace netns_lab::netlink
