#include "harness/probe/mesh_lane.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/icmp.h>
#include <linux/sock_diag.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "harness/probe/icmp.h"
#include "harness/probe/ip_packet.h"
#include "harness/probe/wire.h"

namespace netns_lab::probe {
namespace {

using std::chrono::milliseconds;

// From and to, four bytes each, then bytes that only who sent them knows.
constexpr std::size_t kNumbersSize = 8;
constexpr std::size_t kPatternSize = 16;
constexpr std::size_t kPayloadSize = kNumbersSize + kPatternSize;
constexpr std::size_t kMessageSize = kIcmpHeaderSize + kPayloadSize;
constexpr std::uint8_t kTtl = 64;     // of requests and replies alike, on one link (RFC 1700; RFC 4861, 6.3.2)
constexpr int kQueueBytes = 1 << 20;  // asked for; the kernel cuts it to net.core.rmem_max
constexpr milliseconds kLook{20};     // of a wait for stragglers: what it oversleeps does not count
constexpr unsigned kInVain = 4;       // windows in a row without a reply: the next are not waited for

void store32(std::span<std::uint8_t> bytes, std::size_t at, std::uint32_t value) {
  store16(bytes, at, static_cast<std::uint16_t>(value >> 16));
  store16(bytes, at + 2, static_cast<std::uint16_t>(value));
}

Result<void> set_option(int socket, int level, int option, const void* value, socklen_t size, const char* what) {
  if (::setsockopt(socket, level, option, value, size) == 0) return {};
  return tl::unexpected(Error::system(what, errno));
}

}  // namespace

MeshLoss MeshMatrix::loss(std::uint32_t from, std::uint32_t to) const {
  const std::uint8_t sender = at_sender_[from * members_ + to];
  const std::uint8_t receiver = at_receiver_[from * members_ + to];
  if ((sender & kRefused) != 0) return MeshLoss::kNotSent;
  if (((sender | receiver) & kWrong) != 0) return MeshLoss::kWrong;
  if (((sender | receiver) & kTwice) != 0) return MeshLoss::kTwice;
  if (receiver == 0 && sender == 0) return MeshLoss::kNotArrived;
  // Answered, but not by the one who was asked.
  return receiver == 0 ? MeshLoss::kWrong : MeshLoss::kNotAnswered;
}

Result<UniqueFd> open_mesh_socket(const SocketFactory& factory, const std::string& network_namespace, Family family) {
  NETNS_LAB_ASSIGN(UniqueFd socket,
                   factory(network_namespace, address_family(family), SOCK_RAW, icmp_protocol(family)));
  if (family == Family::kIpv4) {
    icmp_filter filter{};
    filter.data = ~((1U << ICMP_ECHO) | (1U << ICMP_ECHOREPLY));
    NETNS_LAB_TRY(set_option(socket.get(), SOL_RAW, ICMP_FILTER, &filter, sizeof filter, "filter ICMP"));
  } else {
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REQUEST, &filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    NETNS_LAB_TRY(set_option(socket.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter, "filter ICMPv6"));
    const int on = 1;
    NETNS_LAB_TRY(
        set_option(socket.get(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on, "ask for the hop limits of packets"));
  }
  NETNS_LAB_TRY(
      set_option(socket.get(), SOL_SOCKET, SO_RCVBUF, &kQueueBytes, sizeof kQueueBytes, "make room for echoes"));
  return socket;
}

std::uint64_t dropped_by(int socket) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> values{};
  socklen_t size = sizeof values;
  if (::getsockopt(socket, SOL_SOCKET, SO_MEMINFO, values.data(), &size) != 0) return 0;
  return values[SK_MEMINFO_DROPS];
}

Result<void> MeshLane::send(const Member& from, std::span<const std::uint32_t> to) {
  std::array<std::array<std::uint8_t, kMessageSize>, ReceiveBatch::kSlots> bytes;
  std::array<iovec, ReceiveBatch::kSlots> parts{};
  std::array<mmsghdr, ReceiveBatch::kSlots> messages{};
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::span<std::uint8_t> message(bytes[i]);
    store32(message, kIcmpHeaderSize, from.number);
    store32(message, kIcmpHeaderSize + 4, to[i]);
    const auto pair = static_cast<std::uint32_t>(from.number * matrix_.members() + to[i]);
    echoes_.payload.fill(pair, message.subspan(kIcmpHeaderSize + kNumbersSize));
    write_echo_request(echoes_.family, echoes_.identifier, static_cast<std::uint16_t>(to[i]), message);
    parts[i] = iovec{message.data(), message.size()};
    msghdr& header = messages[i].msg_hdr;
    header.msg_name = const_cast<sockaddr*>(echoes_.names[to[i]].get());  // which sendmmsg only reads
    header.msg_namelen = echoes_.names[to[i]].size;
    header.msg_iov = &parts[i];
    header.msg_iovlen = 1;
  }
  for (std::size_t done = 0; done < to.size();) {
    const int sent = ::sendmmsg(from.socket, &messages[done], static_cast<unsigned>(to.size() - done), 0);
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EBADF || errno == ENOTSOCK || errno == EFAULT || errno == ENOMEM)
      return tl::unexpected(Error::system("send echo requests", errno));
    // A queue on the way out had no room (ENOBUFS): the machine's drop, as one from a backlog. Anything else is what
    // the kernel has to say of this network.
    if (errno != ENOBUFS) matrix_.at_sender(from.number, to[done]) |= MeshMatrix::kRefused;
    refused_errno_ = errno == ENOBUFS ? refused_errno_ : errno;
    full_queues_ += errno == ENOBUFS ? 1 : 0;
    ++done;
  }
  return {};
}

void MeshLane::note(const Member& at, std::size_t index) {
  std::uint8_t ttl = 0;
  std::optional<IpAddress> source;
  Bytes message = batch_.bytes(index);
  if (echoes_.family == Family::kIpv4) {
    const auto packet = parse_ip(Family::kIpv4, message);
    if (!packet) return;
    ttl = packet->ttl;
    source = packet->source;
    message = packet->payload;
  } else {
    ttl = batch_.ancillary(index).ttl.value_or(0);
    source = address_of(batch_.from(index));
  }
  const auto echo = parse_icmp(echoes_.family, message);
  if (!echo || echo->identifier != echoes_.identifier) return;  // somebody else's
  const bool is_request = echo->kind == IcmpKind::kEchoRequest;
  if (!is_request && echo->kind != IcmpKind::kEchoReply) return;
  if (echo->payload.size() != kPayloadSize) {
    ++strangers_;
    return;
  }
  const std::uint32_t from = load32(echo->payload, 0);
  const std::uint32_t to = load32(echo->payload, 4);
  const bool is_pair = from < matrix_.members() && to < matrix_.members() && from != to;
  if (!is_pair || (is_request ? to : from) != at.number) {
    ++strangers_;
    return;
  }
  MeshMatrix::Cell& cell = is_request ? matrix_.at_receiver(from, to) : matrix_.at_sender(from, to);
  const auto pair = static_cast<std::uint32_t>(from * matrix_.members() + to);
  const bool is_right = source == echoes_.addresses[is_request ? from : to] && ttl == kTtl &&
                        echoes_.payload.matches(pair, kPatternSize, echo->payload.subspan(kNumbersSize));
  if (!is_request) ++replies_;
  cell |= !is_right ? MeshMatrix::kWrong : (cell & MeshMatrix::kOnce) != 0 ? MeshMatrix::kTwice : MeshMatrix::kOnce;
}

// All that is queued; how many packets that were.
Result<std::size_t> MeshLane::take(const Member& at) {
  const SenderNames names = echoes_.family == Family::kIpv4 ? SenderNames::kNotAsked : SenderNames::kAsked;
  std::size_t taken = 0;
  for (;;) {
    NETNS_LAB_ASSIGN(const std::size_t count, batch_.receive(at.socket, 0, names));
    for (std::size_t index = 0; index < count; ++index) note(at, index);
    taken += count;
    if (count < ReceiveBatch::kSlots) return taken;
  }
}

Result<void> MeshLane::drain() {
  for (const Member& each : members_) {
    for (;;) {
      NETNS_LAB_ASSIGN(const std::size_t count, batch_.receive(each.socket));
      if (count < ReceiveBatch::kSlots) break;
    }
  }
  return {};
}

Result<void> MeshLane::ask(const MeshPace& pace, Cancel cancel) {
  std::vector<std::uint32_t> others;
  unsigned in_vain = 0;
  const std::size_t window = std::clamp<std::size_t>(pace.window, 1, ReceiveBatch::kSlots);
  for (const Member& from : members_) {
    pollfd stop{.fd = cancel.fd, .events = POLLIN, .revents = 0};
    if (::poll(&stop, 1, 0) > 0) return tl::unexpected(Error::cancelled("ask for a mesh of echoes"));
    others.clear();
    std::copy_if(from.asks.begin(), from.asks.end(), std::back_inserter(others),
                 [&from](std::uint32_t to) { return to != from.number; });
    for (std::size_t done = 0; done < others.size(); done += window) {
      const auto now = std::span<const std::uint32_t>(others).subspan(done, std::min(window, others.size() - done));
      const std::uint64_t before = replies_;
      NETNS_LAB_TRY(send(from, now));
      NETNS_LAB_TRY(take(from));
      // Mostly all is there already: the kernel does its work inside sendmmsg.
      while (replies_ - before < now.size() && in_vain < kInVain) {
        pollfd more{.fd = from.socket, .events = POLLIN, .revents = 0};
        if (::poll(&more, 1, static_cast<int>(pace.turn.count())) <= 0) break;
        NETNS_LAB_TRY(take(from));
      }
      in_vain = replies_ == before ? in_vain + 1 : 0;
    }
  }
  return {};
}

std::vector<const MeshMatrix::Cell*> MeshLane::missing() const {
  std::vector<const MeshMatrix::Cell*> cells;
  for (const Member& from : members_) {
    for (const std::uint32_t to : from.asks) {
      if (to == from.number) continue;
      const MeshMatrix::Cell& reply = matrix_.at_sender(from.number, to);
      const MeshMatrix::Cell& request = matrix_.at_receiver(from.number, to);
      if (reply == 0) cells.push_back(&reply);
      if (request == 0 && (reply & MeshMatrix::kRefused) == 0) cells.push_back(&request);
    }
  }
  return cells;
}

Result<void> MeshLane::settle(const MeshPace& pace, Cancel cancel) {
  const std::vector<const MeshMatrix::Cell*> awaited = missing();
  const auto is_complete = [&awaited] {
    return std::ranges::all_of(awaited, [](const MeshMatrix::Cell* cell) { return *cell != 0; });
  };
  std::vector<pollfd> waits;
  for (const Member& each : members_) waits.push_back({.fd = each.socket, .events = POLLIN, .revents = 0});
  waits.push_back({.fd = cancel.fd, .events = POLLIN, .revents = 0});
  milliseconds quiet{0};
  for (;;) {
    bool came = false;
    for (const Member& each : members_) {
      NETNS_LAB_ASSIGN(const std::size_t taken, take(each));
      came = came || taken > 0;
    }
    if (came) quiet = milliseconds(0);
    if (quiet >= pace.reply_wait || is_complete()) return {};
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(kLook.count()));
    if (ready < 0 && errno != EINTR) return tl::unexpected(Error::system("wait for echo replies", errno));
    if (waits.back().revents != 0) return tl::unexpected(Error::cancelled("ask for a mesh of echoes"));
    if (ready == 0) quiet += kLook;
  }
}

}  // namespace netns_lab::probe
