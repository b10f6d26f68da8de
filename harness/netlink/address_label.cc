#include "harness/netlink/address_label.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/if_addrlabel.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {

Result<std::vector<AddressLabel>> list_address_labels(NetlinkSocket& socket) {
  Request request(RTM_GETADDRLABEL, 0);
  ifaddrlblmsg header{};
  header.ifal_family = AF_INET6;
  request.put_header(header);
  const auto replies = socket.dump(std::move(request));
  if (!replies && replies.error().system_errno == EOPNOTSUPP) return std::vector<AddressLabel>{};
  if (!replies) return tl::unexpected(replies.error());
  return decode_all<AddressLabel>(*replies, decode_address_label);
}

Result<AddressLabel> decode_address_label(const MessageView& message) {
  NETNS_LAB_ASSIGN(const ifaddrlblmsg header, read_header<ifaddrlblmsg>(message, "RTM_NEWADDRLABEL"));
  AddressLabel label;
  label.link_index = header.ifal_index;
  label.object.kind = "IPv6 address label";
  AttributeReader reader(after_header<ifaddrlblmsg>(message));
  while (reader.next()) {
    if (reader.type() == IFAL_LABEL) label.object.details = std::to_string(reader.u32());
    if (reader.type() != IFAL_ADDRESS) continue;
    if (const auto address = reader.address())
      label.object.name = fmt::format("of {}/{}", address->to_string(), header.ifal_prefixlen);
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWADDRLABEL"));
  return label;
}

}  // namespace netns_lab::netlink
