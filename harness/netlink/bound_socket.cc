#include "harness/netlink/bound_socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include <array>
#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

// The kernel's enum of net/tcp_states.h, which has no header for us: TCP_CLOSE is also the state of an unconnected UDP
// socket.
constexpr std::uint32_t kClose = 1U << 7;
constexpr std::uint32_t kListen = 1U << 10;

struct Kind {
  std::uint8_t protocol;
  const char* name;
  std::uint32_t states;
};
constexpr std::array<Kind, 2> kKinds{Kind{IPPROTO_TCP, "tcp", kListen}, Kind{IPPROTO_UDP, "udp", kClose}};

Result<void> list_kind(NetlinkSocket& socket, const Kind& kind, int family, std::vector<BoundSocket>& sockets) {
  Request request(SOCK_DIAG_BY_FAMILY, 0);
  inet_diag_req_v2 header{};
  header.sdiag_family = static_cast<std::uint8_t>(family);
  header.sdiag_protocol = kind.protocol;
  header.idiag_states = kind.states;
  request.put_header(header);
  const auto replies = socket.dump(std::move(request));
  if (!replies && replies.error().system_errno == ENOENT) return {};  // the module is not there
  if (!replies) return tl::unexpected(replies.error());
  for (std::size_t i = 0; i < replies->size(); ++i) {
    NETNS_LAB_ASSIGN(BoundSocket bound, decode_bound_socket((*replies)[i]));
    bound.protocol = kind.name;
    if (bound.port != 0) sockets.push_back(std::move(bound));
  }
  return {};
}

}  // namespace

Result<std::vector<BoundSocket>> list_bound_sockets(NetlinkSocket& socket) {
  std::vector<BoundSocket> sockets;
  for (const Kind& kind : kKinds) {
    for (const int family : {AF_INET, AF_INET6}) NETNS_LAB_TRY(list_kind(socket, kind, family, sockets));
  }
  return sockets;
}

Result<BoundSocket> decode_bound_socket(const MessageView& message) {
  NETNS_LAB_ASSIGN(const inet_diag_msg header, read_header<inet_diag_msg>(message, "SOCK_DIAG_BY_FAMILY"));
  if (header.idiag_family != AF_INET && header.idiag_family != AF_INET6) {
    return tl::unexpected(
        Error::internal("decode SOCK_DIAG_BY_FAMILY", fmt::format("address family {}", header.idiag_family)));
  }
  std::array<std::uint8_t, 16> address{};
  static_assert(sizeof header.id.idiag_src == sizeof address);
  std::memcpy(address.data(), header.id.idiag_src, sizeof address);
  BoundSocket bound;
  bound.address = IpAddress::from_bytes(Bytes(address).first(header.idiag_family == AF_INET ? 4 : 16));
  bound.port = ntohs(header.id.idiag_sport);
  return bound;
}

}  // namespace netns_lab::netlink
