#include "harness/netlink/generic.h"

#include <linux/genetlink.h>

#include <cerrno>
#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {

Request generic_request(std::uint16_t family, std::uint8_t command, std::uint8_t version) {
  Request request(family, 0);
  genlmsghdr header{};
  header.cmd = command;
  header.version = version;
  request.put_header(header);
  return request;
}

Result<std::optional<std::uint16_t>> find_generic_family(NetlinkSocket& socket, const std::string& name) {
  Request request = generic_request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
  request.put_string(CTRL_ATTR_FAMILY_NAME, name);
  const auto replies = socket.exchange(std::move(request));
  if (!replies && replies.error().system_errno == ENOENT) return std::optional<std::uint16_t>();
  if (!replies) return tl::unexpected(replies.error());
  std::optional<std::uint16_t> number;
  for (std::size_t i = 0; i < replies->size(); ++i) {
    AttributeReader reader(after_header<genlmsghdr>((*replies)[i]));
    while (reader.next()) {
      if (reader.type() == CTRL_ATTR_FAMILY_ID) number = reader.u16();
    }
    if (!reader.ok()) return tl::unexpected(reader.error("decode the generic netlink family " + name));
  }
  return number;
}

}  // namespace netns_lab::netlink
