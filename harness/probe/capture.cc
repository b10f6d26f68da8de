#include "harness/probe/capture.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <cerrno>
#include <cstring>

namespace netns_lab::probe {
namespace {

constexpr std::uint32_t kWantedQueue = 16U << 20;

bool switch_on(int socket, int level, int option) {
  const int on = 1;
  return ::setsockopt(socket, level, option, &on, sizeof on) == 0;
}

}  // namespace

std::uint32_t set_receive_queue(int socket, std::uint32_t bytes) {
  const int wanted = static_cast<int>(bytes);
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0) {
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  }
  int have = 0;
  socklen_t size = sizeof have;
  ::getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &have, &size);
  return static_cast<std::uint32_t>(have);
}

Result<Capture> Capture::open(const SocketFactory& factory, const std::string& network_namespace) {
  // Protocol 0: it receives nothing before it has a filter and is bound.
  NETNS_LAB_ASSIGN(UniqueFd socket, factory(network_namespace, AF_PACKET, SOCK_RAW, 0));
  const std::string attempted = fmt::format("open a capture in namespace '{}'", network_namespace);
  NETNS_LAB_TRY(SocketFilter::probe_packets(0).attach_to(socket.get()));
  if (!switch_on(socket.get(), SOL_SOCKET, SO_TIMESTAMPNS)) return tl::unexpected(Error::system(attempted, errno));
  const std::uint32_t queue = set_receive_queue(socket.get(), kWantedQueue);
  sockaddr_ll everywhere{};
  everywhere.sll_family = AF_PACKET;
  everywhere.sll_protocol = htons(ETH_P_ALL);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&everywhere), sizeof everywhere) != 0) {
    return tl::unexpected(Error::system(attempted, errno));
  }
  NETNS_LAB_ASSIGN(const NamespaceIdentity identity, identity_of_socket(socket.get()));
  return Capture(std::move(socket), identity, queue);
}

Capture::Capture(UniqueFd socket, NamespaceIdentity identity, std::uint32_t queue_bytes)
    : socket_(std::move(socket)), identity_(identity), queue_bytes_(queue_bytes) {}

Result<void> Capture::start(std::uint16_t port, ReceiveBatch& batch) {
  if (port != port_) NETNS_LAB_TRY(SocketFilter::probe_packets(port).attach_to(socket_.get()));
  port_ = port;
  set_receive_queue(socket_.get(), kWantedQueue);
  NETNS_LAB_TRY(drain(batch, [](const CapturedFrame&) {}));
  NETNS_LAB_TRY(drops());  // reading resets it
  drops_ = 0;
  return {};
}

Result<void> Capture::drain(ReceiveBatch& batch, const std::function<void(const CapturedFrame&)>& take) {
  for (;;) {
    NETNS_LAB_ASSIGN(const std::size_t received, batch.receive(socket_.get()));
    for (std::size_t index = 0; index < received; ++index) {
      sockaddr_ll where{};
      std::memcpy(&where, &batch.from(index), sizeof where);
      if (batch.truncated(index)) {
        ++drops_;
        continue;
      }
      take(CapturedFrame{
          .link_index = where.sll_ifindex,
          .direction = where.sll_pkttype == PACKET_OUTGOING ? PacketDirection::kSent : PacketDirection::kReceived,
          .header = link_header_of(where.sll_hatype),
          .ether_type = ntohs(where.sll_protocol),
          .time = batch.ancillary(index).stamp,
          .bytes = batch.bytes(index)});
    }
    if (received < ReceiveBatch::kSlots) return {};
  }
}

void Capture::stop() {
  const int smallest = 0;
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest);
}

Result<std::uint64_t> Capture::drops() {
  tpacket_stats statistics{};
  socklen_t size = sizeof statistics;
  if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &size) != 0) {
    return tl::unexpected(Error::system("read the statistics of a capture", errno));
  }
  drops_ += statistics.tp_drops;
  return drops_;
}

}  // namespace netns_lab::probe
