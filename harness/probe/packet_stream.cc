#include "harness/probe/packet_stream.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "harness/probe/capture.h"
#include "harness/probe/link_names.h"
#include "harness/probe/pcap.h"

namespace netns_lab::probe {
namespace {

constexpr std::uint32_t kWantedQueue = 16U << 20;

}  // namespace

Result<PacketStream> PacketStream::open(const SocketFactory& factory, const std::string& network_namespace,
                                        const std::string& link) {
  const std::string attempted = fmt::format("capture on {} in namespace '{}'",
                                            link.empty() ? "all links" : "link '" + link + "'", network_namespace);
  NETNS_LAB_ASSIGN(UniqueFd socket, factory(network_namespace, AF_PACKET, SOCK_RAW, 0));
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(ETH_P_ALL);
  if (!link.empty()) {
    NETNS_LAB_ASSIGN(where.sll_ifindex, LinkNames(socket.get()).index(link));
  }
  const int on = 1;
  set_receive_queue(socket.get(), kWantedQueue);
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
    return tl::unexpected(Error::system(attempted, errno));
  }
  return PacketStream(std::move(socket));
}

PacketStream::PacketStream(UniqueFd socket)
    : socket_(std::move(socket)), batch_(std::make_unique<ReceiveBatch>()), pending_(pcap_file_header()) {}

Result<std::string> PacketStream::read(std::size_t maximum, Deadline deadline, Cancel cancel) {
  while (pending_.size() < maximum) {
    NETNS_LAB_ASSIGN(const std::size_t received, batch_->receive(socket_.get()));
    for (std::size_t index = 0; index < received; ++index) append(index);
    if (received > 0) continue;
    if (!pending_.empty() || deadline.passed()) break;
    std::array<pollfd, 2> waits{pollfd{socket_.get(), POLLIN, 0}, pollfd{cancel.fd, POLLIN, 0}};
    if (::poll(waits.data(), waits.size(), deadline.poll_timeout()) < 0 && errno != EINTR) {
      return tl::unexpected(Error::system("wait for packets", errno));
    }
    if (waits[1].revents != 0) return tl::unexpected(Error::cancelled("read a capture"));
  }
  std::string taken = pending_.substr(0, maximum);
  pending_.erase(0, taken.size());
  return taken;
}

void PacketStream::append(std::size_t index) {
  sockaddr_ll from{};
  std::memcpy(&from, &batch_->from(index), sizeof from);
  if (batch_->truncated(index)) {
    ++drops_;
    return;
  }
  pending_ += pcap_record(batch_->ancillary(index).stamp, link_header_of(from.sll_hatype), ntohs(from.sll_protocol),
                          batch_->bytes(index));
}

std::uint64_t PacketStream::drops() {
  tpacket_stats statistics{};
  socklen_t size = sizeof statistics;
  if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &size) == 0) {
    drops_ += statistics.tp_drops;
  }
  return drops_;
}

}  // namespace netns_lab::probe
