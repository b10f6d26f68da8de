#include "harness/netlink/ip_set.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include "harness/base/text.h"
#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

constexpr std::uint8_t kProtocol = 6;  // IPSET_PROTOCOL_MIN: all kernels since 2.6.39 take it for a list
constexpr std::size_t kLongestName = 40;

const char* family_text(std::uint8_t family) {
  switch (family) {
    case NFPROTO_IPV4:
      return ", IPv4";
    case NFPROTO_IPV6:
      return ", IPv6";
    default:
      return "";
  }
}

}  // namespace

bool kernel_has_ip_sets() {
  // Where it is built in it is there for its parameter, max_sets.
  return ::access("/sys/module/ip_set", F_OK) == 0 || ::access("/sys/module", F_OK) != 0;
}

Result<std::vector<FurtherObject>> list_ip_sets(NetlinkSocket& socket) {
  Request request(static_cast<std::uint16_t>((NFNL_SUBSYS_IPSET << 8) | IPSET_CMD_LIST), 0);
  nfgenmsg header{};
  header.nfgen_family = NFPROTO_IPV4;  // of all families are told
  header.version = NFNETLINK_V0;
  request.put_header(header);
  request.put_u8(IPSET_ATTR_PROTOCOL, kProtocol);
  request.put_u32(IPSET_ATTR_FLAGS | NLA_F_NET_BYTEORDER, htonl(IPSET_FLAG_LIST_HEADER));
  const auto replies = socket.dump(std::move(request));
  if (!replies) {
    Error error = replies.error();
    if (error.system_errno == EINVAL || error.system_errno == EOPNOTSUPP) return std::vector<FurtherObject>();
    error.attempted = "list the sets of ipset(8)";
    return tl::unexpected(std::move(error));
  }
  return decode_all<FurtherObject>(*replies, decode_ip_set);
}

Result<FurtherObject> decode_ip_set(const MessageView& message) {
  NETNS_LAB_ASSIGN([[maybe_unused]] const nfgenmsg header, read_header<nfgenmsg>(message, "IPSET_CMD_LIST"));
  FurtherObject set;
  set.kind = "IP set";
  std::string type;
  std::uint8_t family = NFPROTO_UNSPEC;
  AttributeReader reader(after_header<nfgenmsg>(message));
  while (reader.next()) {
    if (reader.type() == IPSET_ATTR_SETNAME) set.name = visible(reader.string(), kLongestName);
    if (reader.type() == IPSET_ATTR_TYPENAME) type = visible(reader.string(), kLongestName);
    if (reader.type() == IPSET_ATTR_FAMILY) family = reader.u8();
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode IPSET_CMD_LIST"));
  set.details = fmt::format("of the type {}{}", type, family_text(family));
  return set;
}

}  // namespace netns_lab::netlink
