#include "harness/node/sandbox_node.h"

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "harness/base/socket_pair.h"
#include "harness/node/isolation.h"
#include "harness/node/sandbox.h"
#include "harness/node/sandbox_refusal.h"
#include "harness/node/sandbox_sysctl.h"
#include "harness/node/sandbox_uplink.h"

namespace netns_lab::node {
namespace {

constexpr auto kOutside = "outside";

Result<void> send_namespace(int to, const NetworkNamespace& network_namespace) {
  char byte = 'n';
  iovec data{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = network_namespace.fd();
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (::sendmsg(to, &message, MSG_NOSIGNAL) == 1) return {};
  constexpr auto kAttempted = "hand over the outside's network namespace";
  if (errno == EPIPE || errno == ECONNRESET) return tl::unexpected(Error::lost(kAttempted, "the node's process ended"));
  return tl::unexpected(Error::system(kAttempted, errno));
}

// Whoever has the network namespace now says so once the links that lead elsewhere are in it.
Result<void> await_joined(int joiner) {
  char byte = 0;
  ssize_t length = -1;
  do {
    length = ::recv(joiner, &byte, 1, 0);
  } while (length < 0 && errno == EINTR);
  if (length == 1) return {};
  return tl::unexpected(Error::lost("join the segment to those of the other machines", "the machine refused"));
}

Result<void> make_namespaces(int which, const char* attempted) {
  if (::unshare(which) == 0) return {};
  const int unshare_errno = errno;  // reading the settings may change it
  return tl::unexpected(explain_refusal(attempted, unshare_errno, NamespaceSettings::read()));
}

// `name`: of the node at `place`, or the outside.
Result<AgentContext> describe(const std::string& name, const std::string& host_name, const NodePlace& place,
                              bool ipv6) {
  const bool is_outside = name == kOutside;
  const UplinkAddresses uplink = uplink_addresses(place);
  AgentContext context;
  context.provider = "sandbox";
  context.node = name;
  context.host_name = host_name;
  context.uplink = is_outside ? outside_link(place) : kUplinkName;
  context.is_init = true;
  context.own_namespace_is_new = true;
  const EndAddresses& own = is_outside ? uplink.outside : uplink.node;
  for (const std::string& text : {own.ipv4, own.ipv6}) {
    NETNS_LAB_ASSIGN(const Prefix prefix, Prefix::parse(text));
    if (prefix.address.is_v4() || ipv6) context.uplink_addresses.push_back(prefix);
  }
  for (const std::string& text : {uplink.outside.ipv4, uplink.outside.ipv6}) {
    NETNS_LAB_ASSIGN(const Prefix prefix, Prefix::parse(text));
    if (prefix.address.is_v4() || ipv6) context.outside_addresses.push_back(prefix.address);
  }
  return context;
}

void take_over(AgentContext& context, Isolation isolation) {
  context.writable = std::move(isolation.writable);
  context.made_by_setup = std::move(isolation.made_by_setup);
  context.lost.insert(context.lost.end(), isolation.lost.begin(), isolation.lost.end());
}

// Refusals of the kernel are told with what mends them.
template <typename T>
Result<T> explained(Result<T> result) {
  if (!result) return tl::unexpected(explain_refusal(std::move(result.error()), NamespaceSettings::read()));
  return result;
}

Result<AgentContext> build_node(const NodePlace& place, const std::string& host_name, bool commands,
                                const std::string& kept, const UniqueFd& outside_process, Deadline deadline) {
  NETNS_LAB_TRY(make_namespaces(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC,
                                "make network, mount, UTS and IPC namespaces"));
  NETNS_LAB_ASSIGN(std::vector<std::string> lost, pin_sysctls());
  NETNS_LAB_ASSIGN(const NetworkNamespace outside, receive_namespace(outside_process.get()));
  NETNS_LAB_ASSIGN(const bool ipv6, wire_uplink(outside, place, deadline));
  NETNS_LAB_ASSIGN(Isolation isolation, isolate({.host_name = host_name,
                                                 .journal_directory = "",
                                                 .furnishing = commands ? Furnishing::kFull : Furnishing::kBare,
                                                 .kept = kept}));
  NETNS_LAB_ASSIGN(AgentContext context, describe(node_name(place.number), host_name, place, ipv6));
  if (!ipv6) lost.emplace_back("there is no IPv6 on this machine");
  if (::access("/dev/net/tun", F_OK) != 0) lost.emplace_back("there is no /dev/net/tun (CONFIG_TUN)");
  context.lost = std::move(lost);
  context.commands = commands;
  take_over(context, std::move(isolation));
  return context;
}

Result<void> build_outside(const std::vector<const UniqueFd*>& nodes, const NodePlace& first, int joiner) {
  NETNS_LAB_TRY(make_namespaces(CLONE_NEWNET, "make the outside's network namespace"));
  NETNS_LAB_TRY(pin_sysctls());
  NETNS_LAB_ASSIGN(const NetworkNamespace own, NetworkNamespace::current());
  if (first.of > 1) NETNS_LAB_TRY(first.is_port() ? make_segment(first) : make_router());
  if (joiner >= 0) {
    NETNS_LAB_TRY(send_namespace(joiner, own));
    NETNS_LAB_TRY(await_joined(joiner));
    NETNS_LAB_TRY(take_in_other_parts(first));
  }
  for (const UniqueFd* node : nodes) NETNS_LAB_TRY(send_namespace(node->get(), own));
  return {};
}

Result<AgentContext> isolate_outside(const NodePlace& first) {
  NETNS_LAB_TRY(
      make_namespaces(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC, "make the outside's mount, UTS and IPC namespaces"));
  NETNS_LAB_ASSIGN(Isolation isolation,
                   isolate({.host_name = kOutside, .journal_directory = "", .furnishing = Furnishing::kPlain}));
  NETNS_LAB_ASSIGN(AgentContext context, describe(kOutside, kOutside, first, true));
  take_over(context, std::move(isolation));
  return context;
}

}  // namespace

Result<NetworkNamespace> receive_namespace(int from) {
  char byte = 0;
  iovec data{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t length = ::recvmsg(from, &message, MSG_CMSG_CLOEXEC);
  const cmsghdr* header = length == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) {
    return tl::unexpected(
        Error::lost("wait for the outside's network namespace", "the outside ended before it had one"));
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return NetworkNamespace::adopt(UniqueFd(fd));
}

Result<void> say_joined(int to) {
  const char byte = 'j';
  if (::send(to, &byte, 1, MSG_NOSIGNAL) == 1) return {};
  return tl::unexpected(Error::system("answer the keeper of a segment", errno));
}

Result<Rendezvous> Rendezvous::create() {
  NETNS_LAB_ASSIGN(auto pair, socket_pair(SOCK_SEQPACKET, "create a socket pair"));
  return Rendezvous{.node = std::move(pair.first), .outside = std::move(pair.second)};
}

Result<AgentContext> set_up_node(const NodePlace& place, const std::string& host_name, bool commands,
                                 const std::string& kept, const UniqueFd& outside, Deadline deadline) {
  return explained(build_node(place, host_name, commands, kept, outside, deadline));
}

Result<void> open_outside(const std::vector<const UniqueFd*>& nodes, const NodePlace& first, int joiner) {
  return explained(build_outside(nodes, first, joiner));
}

Result<AgentContext> furnish_outside(const NodePlace& first) { return explained(isolate_outside(first)); }

}  // namespace netns_lab::node
