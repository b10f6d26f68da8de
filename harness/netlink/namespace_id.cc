#include "harness/netlink/namespace_id.h"

#include <sys/socket.h>

#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

Request id_request(std::uint16_t type, std::optional<int> namespace_fd) {
  Request request(type, 0);
  request.put_header(rtgenmsg{AF_UNSPEC});
  if (namespace_fd) request.put_u32(NETNSA_FD, static_cast<std::uint32_t>(*namespace_fd));
  return request;
}

}  // namespace

Request assign_namespace_id(int namespace_fd, std::int32_t id) {
  Request request = id_request(RTM_NEWNSID, namespace_fd);
  request.put_u32(NETNSA_NSID, static_cast<std::uint32_t>(id < 0 ? NETNSA_NSID_NOT_ASSIGNED : id));
  return request;
}

Request get_namespace_id_request(int namespace_fd) { return id_request(RTM_GETNSID, namespace_fd); }

Result<std::optional<std::int32_t>> find_namespace_id(NetlinkSocket& socket, int namespace_fd) {
  const Request request = get_namespace_id_request(namespace_fd);
  NETNS_LAB_ASSIGN(const Replies replies, socket.exchange(request));
  if (replies.empty()) {
    return tl::unexpected(Error::internal(describe(request.view()), "acknowledged without an answer"));
  }
  return decode_namespace_id(replies[0]);
}

Result<std::vector<std::int32_t>> list_namespace_ids(NetlinkSocket& socket) {
  NETNS_LAB_ASSIGN(const Replies replies, socket.dump(id_request(RTM_GETNSID, std::nullopt)));
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    NETNS_LAB_ASSIGN(const std::optional<std::int32_t> id, decode_namespace_id(replies[i]));
    if (id) ids.push_back(*id);
  }
  return ids;
}

Result<std::optional<std::int32_t>> decode_namespace_id(const MessageView& message) {
  NETNS_LAB_ASSIGN([[maybe_unused]] const rtgenmsg header, read_header<rtgenmsg>(message, "RTM_NEWNSID"));
  std::optional<std::int32_t> id;
  AttributeReader reader(after_header<rtgenmsg>(message));
  while (reader.next()) {
    if (reader.type() == NETNSA_NSID) id = reader.s32();
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWNSID"));
  if (id && *id < 0) id.reset();  // NETNSA_NSID_NOT_ASSIGNED
  return id;
}

}  // namespace netns_lab::netlink
