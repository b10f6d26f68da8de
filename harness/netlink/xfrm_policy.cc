#include "harness/netlink/xfrm_policy.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/xfrm.h>

#include <cerrno>
#include <functional>
#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

const char* direction_name(std::uint8_t direction) {
  switch (direction) {
    case XFRM_POLICY_IN:
      return "in";
    case XFRM_POLICY_OUT:
      return "out";
    case XFRM_POLICY_FWD:
      return "fwd";
    default:
      return "of a socket";
  }
}

// A selector without a family is for both; it holds zeros then.
std::string prefix(const xfrm_address_t& address, std::uint8_t length, std::uint16_t family) {
  const std::size_t size = family == AF_INET6 ? 16 : 4;
  const Bytes bytes(reinterpret_cast<const std::uint8_t*>(&address), size);
  return fmt::format("{}/{}", IpAddress::from_bytes(bytes).to_string(), length);
}

template <typename Fixed>
std::string bytes_of(const Fixed& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace

Result<FurtherObject> decode_xfrm_policy(const MessageView& message) {
  NETNS_LAB_ASSIGN(const xfrm_userpolicy_info policy, read_header<xfrm_userpolicy_info>(message, "XFRM_MSG_NEWPOLICY"));
  const xfrm_selector& selector = policy.sel;
  std::string text =
      fmt::format("{} {} {} to {}", direction_name(policy.dir), policy.action == XFRM_POLICY_BLOCK ? "block" : "allow",
                  prefix(selector.saddr, selector.prefixlen_s, selector.family),
                  prefix(selector.daddr, selector.prefixlen_d, selector.family));
  if (selector.proto != 0) text += fmt::format(" protocol {}", selector.proto);
  if (selector.dport_mask != 0) text += fmt::format(" port {}", ntohs(selector.dport));
  std::string rest = bytes_of(selector) + bytes_of(policy.lft) + bytes_of(policy.priority) + bytes_of(policy.flags) +
                     bytes_of(policy.share);
  std::size_t templates = 0;
  AttributeReader reader(after_header<xfrm_userpolicy_info>(message));
  while (reader.next()) {
    const Bytes value = reader.bytes();
    if (reader.type() == XFRMA_TMPL) templates = value.size() / sizeof(xfrm_user_tmpl);
    rest += bytes_of(reader.type());
    rest.append(reinterpret_cast<const char*>(value.data()), value.size());
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode XFRM_MSG_NEWPOLICY"));
  if (templates != 0) text += fmt::format(" transformed by {}", templates);
  return FurtherObject{"xfrm policy", text, fmt::format("contents {:016x}", std::hash<std::string>()(rest))};
}

Result<std::vector<FurtherObject>> list_xfrm_policies(NetlinkSocket& socket) {
  const auto replies = socket.dump(Request(XFRM_MSG_GETPOLICY, 0));
  if (!replies) {
    Error error = replies.error();
    error.attempted = "list the policies of the packet transformation (ip xfrm policy)";
    return tl::unexpected(std::move(error));
  }
  return decode_all<FurtherObject>(*replies, decode_xfrm_policy);
}

Result<std::vector<FurtherObject>> decode_xfrm_defaults(const MessageView& message) {
  NETNS_LAB_ASSIGN(const xfrm_userpolicy_default all,
                   read_header<xfrm_userpolicy_default>(message, "XFRM_MSG_GETDEFAULT"));
  std::vector<std::string> blocked;
  const auto add = [&blocked](std::uint8_t policy, const char* direction) {
    if (policy == XFRM_USERPOLICY_BLOCK) blocked.push_back(fmt::format("{} block", direction));
  };
  add(all.in, "in");
  add(all.fwd, "fwd");
  add(all.out, "out");
  if (blocked.empty()) return std::vector<FurtherObject>();
  return std::vector<FurtherObject>{{"xfrm policy", "by default", fmt::format("{}", fmt::join(blocked, ", "))}};
}

Result<std::vector<FurtherObject>> list_xfrm_defaults(NetlinkSocket& socket) {
  Request request(XFRM_MSG_GETDEFAULT, 0);
  request.put_header(xfrm_userpolicy_default{});
  const auto replies = socket.exchange(std::move(request));
  if (!replies && (replies.error().system_errno == EINVAL || replies.error().system_errno == EOPNOTSUPP))
    return std::vector<FurtherObject>();
  if (!replies) {
    Error error = replies.error();
    error.attempted = "read what becomes of packets without a policy (ip xfrm policy getdefault)";
    return tl::unexpected(std::move(error));
  }
  std::vector<FurtherObject> defaults;
  for (std::size_t i = 0; i < replies->size(); ++i) {
    NETNS_LAB_ASSIGN(std::vector<FurtherObject> found, decode_xfrm_defaults((*replies)[i]));
    for (FurtherObject& one : found) defaults.push_back(std::move(one));
  }
  return defaults;
}

}  // namespace netns_lab::netlink
