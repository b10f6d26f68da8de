#include "harness/probe/echo_socket.h"

#include <fmt/format.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/net_tstamp.h>

#include <cerrno>
#include <cstring>

#include "harness/probe/capture.h"
#include "harness/probe/checksum.h"
#include "harness/probe/icmp.h"
#include "harness/probe/ip_packet.h"

namespace netns_lab::probe {
namespace {

constexpr std::size_t kMostBatched = 64;
constexpr std::size_t kArenaSize = 256 * 1024;  // at least one largest request
constexpr std::size_t kIpv4HeaderSize = 20;
constexpr std::uint32_t kQueueSize = 4U << 20;
constexpr std::chrono::milliseconds kFullQueueLimit{200};  // a backlog of a thousand packets is gone in a few

constexpr int kReceiveStamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
constexpr int kTransmitStamps = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;

bool set_option(int socket, int level, int option, int value) {
  return ::setsockopt(socket, level, option, &value, sizeof value) == 0;
}

}  // namespace

EchoSocketOptions EchoSocketOptions::of(const EchoSpec& spec) {
  return EchoSocketOptions{.network_namespace = spec.network_namespace,
                           .family = spec.destination.family(),
                           .source = spec.source,
                           .link = spec.link,
                           .dont_fragment = spec.dont_fragment,
                           .ttl = spec.ttl};
}

EchoSocket::EchoSocket(UniqueFd socket, EchoSocketOptions options)
    : socket_(std::move(socket)), options_(std::move(options)), links_(socket_.get()) {
  arena_.reserve(kArenaSize);
  destinations_.reserve(kMostBatched);
  parts_.reserve(kMostBatched);
  messages_.reserve(kMostBatched);
  outcomes_.reserve(kMostBatched);
}

Result<EchoSocket> EchoSocket::open(const SocketFactory& factory, const EchoSocketOptions& options,
                                    IdentifierRange identifiers) {
  NETNS_LAB_ASSIGN(UniqueFd socket, factory(options.network_namespace, address_family(options.family), SOCK_RAW,
                                            icmp_protocol(options.family)));
  EchoSocket made(std::move(socket), options);
  NETNS_LAB_TRY(made.prepare(identifiers));
  return made;
}

Result<void> EchoSocket::prepare(IdentifierRange identifiers) {
  const int fd = socket_.get();
  const bool v4 = options_.family == Family::kIpv4;
  if (options_.flood) {
    NETNS_LAB_TRY(SocketFilter::echo_replies(options_.family, identifiers).attach_to(fd));
  } else {
    keep_out_requests();
  }
  queue_bytes_ = set_receive_queue(fd, kQueueSize);
  set_option(fd, SOL_SOCKET, SO_SNDBUF, static_cast<int>(kQueueSize));

  if (!options_.link.empty()) {
    NETNS_LAB_ASSIGN(scope_, links_.index(options_.link));
    if (::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options_.link.data(),
                     static_cast<socklen_t>(options_.link.size())) != 0) {
      return tl::unexpected(Error::system(fmt::format("bind the probe to link '{}'", options_.link), errno));
    }
  }
  if (options_.source) {
    const SocketAddress source = SocketAddress::of(*options_.source, 0, scope_);
    if (::bind(fd, source.get(), source.size) != 0) {
      return tl::unexpected(Error::system(
          fmt::format("send from {} in namespace '{}'", options_.source->to_string(), options_.network_namespace),
          errno));
    }
  }
  bool prepared = true;
  if (v4) {
    prepared &= set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
    prepared &=
        set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, options_.dont_fragment ? IP_PMTUDISC_INTERFACE : IP_PMTUDISC_OMIT);
    if (options_.ttl) prepared &= set_option(fd, IPPROTO_IP, IP_TTL, *options_.ttl);
    if (options_.dont_fragment) prepared &= set_option(fd, IPPROTO_IP, IP_HDRINCL, 1);
    int ttl = 64;
    socklen_t size = sizeof ttl;
    if (::getsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, &size) == 0) header_ttl_ = static_cast<std::uint8_t>(ttl);
  } else {
    prepared &= set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    prepared &= set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    if (options_.dont_fragment) {
      prepared &= set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
      prepared &= set_option(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
    }
    if (options_.ttl) {
      prepared &= set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, *options_.ttl);
      prepared &= set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, *options_.ttl);
    }
  }
  prepared &= set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
  if (!prepared) return tl::unexpected(Error::system("prepare a raw ICMP socket", errno));
  // Without stamps (a kernel or a sandbox that has none) round trips are taken by our own clock.
  if (options_.flood) {
    set_option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);  // the same stamp in a third of the bytes
  } else {
    set_option(fd, SOL_SOCKET, SO_TIMESTAMPING, kReceiveStamps | kTransmitStamps);
  }
  return {};
}

// Only what can be an answer: a mask of types, which costs next to nothing. Identifiers are compared when it is read.
void EchoSocket::keep_out_requests() {
  if (options_.family == Family::kIpv4) {
    icmp_filter filter{};
    filter.data = ~(1U << ICMP_ECHOREPLY | 1U << ICMP_DEST_UNREACH | 1U << ICMP_SOURCE_QUENCH | 1U << ICMP_REDIRECT |
                    1U << ICMP_TIME_EXCEEDED | 1U << ICMP_PARAMETERPROB);
    ::setsockopt(socket_.get(), SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
    return;
  }
  icmp6_filter filter{};
  ICMP6_FILTER_SETBLOCKALL(&filter);
  for (int type = 0; type < 128; ++type) ICMP6_FILTER_SETPASS(type, &filter);
  ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
  ::setsockopt(socket_.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
}

bool EchoSocket::add(const IpAddress& destination, std::uint16_t identifier, std::uint16_t sequence,
                     const PayloadPattern& payload, std::uint32_t payload_size) {
  const std::size_t ip_header = options_.family == Family::kIpv4 && options_.dont_fragment ? kIpv4HeaderSize : 0;
  const std::size_t size = ip_header + kIcmpHeaderSize + payload_size;
  const std::size_t at = arena_.size();
  if (messages_.size() == kMostBatched || at + size > kArenaSize) return false;
  arena_.resize(at + size);  // within what is reserved: addresses stay
  const std::span<std::uint8_t> packet(arena_.data() + at, size);
  if (ip_header != 0) {
    // RFC 791. Length, checksum, identification and source are filled in by the kernel (raw(7)).
    packet[0] = 0x45;
    store16(packet, 6, 0x4000);  // don't fragment
    packet[8] = header_ttl_;
    packet[9] = IPPROTO_ICMP;
    std::memcpy(packet.data() + 16, destination.bytes().data(), destination.size());
  }
  const std::span<std::uint8_t> message = packet.subspan(ip_header);
  payload.fill(sequence, message.subspan(kIcmpHeaderSize));
  write_echo_request(options_.family, identifier, sequence, message);

  if (destinations_.empty() || destination != last_destination_) {
    destinations_.push_back(SocketAddress::of(destination, 0, scope_));
    last_destination_ = destination;
  }
  parts_.push_back(iovec{packet.data(), packet.size()});
  msghdr& header = messages_.emplace_back().msg_hdr;
  header.msg_name = &destinations_.back().storage;
  header.msg_namelen = destinations_.back().size;
  header.msg_iov = &parts_.back();
  header.msg_iovlen = 1;
  return true;
}

std::span<const EchoSocket::Sent> EchoSocket::flush() {
  outcomes_.assign(messages_.size(), Sent{});
  std::size_t done = 0;
  while (done < messages_.size()) {
    const int sent = ::sendmmsg(socket_.get(), messages_.data() + done, static_cast<unsigned>(messages_.size() - done),
                                MSG_DONTWAIT);
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
      sent_ += static_cast<std::uint64_t>(sent);
      full_since_.reset();
    } else if (errno == EAGAIN || (errno == ENOBUFS && may_pass_soon())) {
      for (std::size_t rest = done; rest < messages_.size(); ++rest) outcomes_[rest].blocked = true;
      break;
    } else if (errno != EINTR) {
      outcomes_[done].refused = errno;
      ++done;
      // Whether a refused packet has used up a stamp id depends on where the kernel gave up: count anew.
      if (!options_.flood) restart_stamp_ids();
    }
  }
  arena_.clear();
  destinations_.clear();
  parts_.clear();
  messages_.clear();
  return outcomes_;
}

bool EchoSocket::may_pass_soon() {
  const auto now = std::chrono::steady_clock::now();
  if (!full_since_) full_since_ = now;
  return now - *full_since_ < kFullQueueLimit;
}

void EchoSocket::restart_stamp_ids() {
  set_option(socket_.get(), SOL_SOCKET, SO_TIMESTAMPING, kReceiveStamps);
  set_option(socket_.get(), SOL_SOCKET, SO_TIMESTAMPING, kReceiveStamps | kTransmitStamps);
  stamp_base_ = sent_;
}

Result<std::vector<EchoSocket::Stamp>> EchoSocket::take_stamps(ReceiveBatch& batch) {
  std::vector<Stamp> stamps;
  for (;;) {
    NETNS_LAB_ASSIGN(const std::size_t received, batch.receive(socket_.get(), MSG_ERRQUEUE, sender_names()));
    for (std::size_t index = 0; index < received; ++index) {
      const Ancillary told = batch.ancillary(index);
      if (told.sent_id) stamps.push_back(Stamp{stamp_base_ + *told.sent_id, told.stamp});
    }
    if (received < ReceiveBatch::kSlots) return stamps;
  }
}

Result<std::size_t> EchoSocket::receive(ReceiveBatch& batch) const {
  return batch.receive(socket_.get(), 0, sender_names());
}

SenderNames EchoSocket::sender_names() const {
  return options_.family == Family::kIpv4 ? SenderNames::kNotAsked : SenderNames::kAsked;
}

EchoArrival EchoSocket::arrival(const ReceiveBatch& batch, std::size_t index) const {
  EchoArrival arrival{.told = batch.ancillary(index)};
  if (options_.family == Family::kIpv4) {
    const auto packet = parse_ip(Family::kIpv4, batch.bytes(index));
    if (!packet) return arrival;
    arrival.source = packet->source;
    arrival.local = packet->destination;
    arrival.ttl = packet->ttl;
    arrival.message = packet->payload;
    // A raw socket is given the packet before ICMP has looked at its checksum (net/ipv4/ip_input.c).
    arrival.checksum_right = internet_checksum(packet->payload) == 0;
    return arrival;
  }
  const auto source = address_of(batch.from(index));
  if (!source) return arrival;
  arrival.source = *source;
  arrival.local = arrival.told.local;
  arrival.ttl = arrival.told.ttl.value_or(0);
  arrival.message = batch.bytes(index);
  return arrival;
}

}  // namespace netns_lab::probe
