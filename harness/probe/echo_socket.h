// A raw ICMP socket that sends echo requests in batches and takes what comes back.
//
// Don't-fragment, IPv4: the IP header is ours (IP_HDRINCL) with DF set, and the socket is IP_PMTUDISC_INTERFACE. So a
// packet longer than the link's MTU is refused here (EMSGSIZE), whatever path-MTU exceptions the namespace has, and a
// "fragmentation needed" that comes back leaves no exception behind. (IP_PMTUDISC_DO obeys exceptions;
// IP_PMTUDISC_PROBE ignores them, but leaves one: net/ipv4/raw.c, raw_err, ipv4_sk_update_pmtu.) IPv6: IPV6_DONTFRAG
// with IPV6_PMTUDISC_PROBE; "packet too big" always leaves an exception there (net/ipv6/icmp.c, icmpv6_err): no socket
// can prevent it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/echo.h"
#include "harness/probe/link_names.h"
#include "harness/probe/payload.h"
#include "harness/probe/receive_batch.h"
#include "harness/probe/socket_address.h"
#include "harness/probe/socket_factory.h"
#include "harness/probe/socket_filter.h"

namespace netns_lab::probe {

// What one socket can serve: echoes that are alike in all of this share one.
struct EchoSocketOptions {
  std::string network_namespace;
  Family family = Family::kIpv4;
  std::optional<IpAddress> source;
  std::string link;
  bool dont_fragment = false;
  std::optional<std::uint8_t> ttl;
  // Many requests without an interval: no transmit stamps (1 µs each), but a filter for identifiers (50 µs once).
  bool flood = false;

  static EchoSocketOptions of(const EchoSpec& spec);
  auto key() const { return std::tie(network_namespace, family, source, link, dont_fragment, ttl, flood); }
};

// An echo reply or an ICMP error, as the raw socket gave it. `message` is valid until the next `receive`.
struct EchoArrival {
  Ancillary told;
  IpAddress source{};
  std::optional<IpAddress> local{};  // the address it came to
  std::uint8_t ttl = 0;
  bool checksum_right = true;
  Bytes message{};  // from the ICMP header on; empty: the packet makes no sense
};

class EchoSocket {
 public:
  // Errors: the factory's; kSystem with ENODEV (no such link) or EADDRNOTAVAIL (the source is no address of the
  // namespace), or another one.
  static Result<EchoSocket> open(const SocketFactory& factory, const EchoSocketOptions& options,
                                 IdentifierRange identifiers);

  // Adds a request to the batch. False when the batch is full: flush first.
  bool add(const IpAddress& destination, std::uint16_t identifier, std::uint16_t sequence,
           const PayloadPattern& payload, std::uint32_t payload_size);
  std::size_t batched() const { return messages_.size(); }

  struct Sent {
    int refused = 0;       // errno; 0: it is on its way
    bool blocked = false;  // not sent: the send queue is full, try again when the socket is writable
  };
  // Sends the batch and empties it. One outcome per request, in the order added; valid until the next flush.
  std::span<const Sent> flush();

  // Transmit stamps that have come in: the how-manieth request that was sent (from 0), and when (CLOCK_REALTIME since
  // the epoch).
  struct Stamp {
    std::uint64_t request = 0;
    std::chrono::nanoseconds time{0};
  };
  Result<std::vector<Stamp>> take_stamps(ReceiveBatch& batch);
  std::uint64_t requests_sent() const { return sent_; }

  // Fills the batch with what has come in. As ReceiveBatch::receive.
  Result<std::size_t> receive(ReceiveBatch& batch) const;
  // A packet of the batch that `receive` has just filled.
  EchoArrival arrival(const ReceiveBatch& batch, std::size_t index) const;

  int fd() const { return socket_.get(); }
  const EchoSocketOptions& options() const { return options_; }
  LinkNames& links() { return links_; }
  std::uint32_t queue_bytes() const { return queue_bytes_; }

 private:
  EchoSocket(UniqueFd socket, EchoSocketOptions options);
  Result<void> prepare(IdentifierRange identifiers);
  void keep_out_requests();
  void restart_stamp_ids();
  // ENOBUFS: a queue on the way out dropped the packet (NET_XMIT_DROP, net/core/dev.c). That of a busy machine takes it
  // a little later; a queue that takes nothing is what the kernel has to say of this network.
  bool may_pass_soon();
  SenderNames sender_names() const;  // IPv4 has the sender in the packet

  UniqueFd socket_;
  EchoSocketOptions options_;
  LinkNames links_;
  std::uint8_t header_ttl_ = 64;
  int scope_ = 0;
  std::uint32_t queue_bytes_ = 0;
  std::uint64_t sent_ = 0;
  std::optional<std::chrono::steady_clock::time_point> full_since_;  // ENOBUFS, and nothing sent since
  std::uint64_t stamp_base_ = 0;                                     // what the kernel's stamp id 0 stands for
  std::vector<std::uint8_t> arena_;
  std::vector<SocketAddress> destinations_;  // requests in a row to the same one share it
  IpAddress last_destination_;
  std::vector<iovec> parts_;
  std::vector<mmsghdr> messages_;
  std::vector<Sent> outcomes_;
};

}  // namespace netns_lab::probe
