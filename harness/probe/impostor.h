// For tests of this folder only: a peer that lies. It reads echo requests from a packet socket in namespace "far" of a
// TestPair, whose kernel is told not to answer, and sends what a test makes of them.
#pragma once

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <functional>
#include <thread>

#include "harness/probe/checksum.h"
#include "harness/probe/frame.h"
#include "harness/probe/icmp.h"
#include "harness/probe/test_network.h"

namespace netns_lab::probe {

using FrameBytes = std::vector<std::uint8_t>;
using Frames = std::vector<FrameBytes>;

// An IPv4 packet in an Ethernet frame, in parts that can be changed and put together again.
struct Forgery {
  MacAddress link_source;
  MacAddress link_destination;
  IpAddress source;
  IpAddress destination;
  std::uint8_t ttl = 64;
  std::uint16_t identification = 7;
  std::uint16_t fragment = 0;      // flags and offset in units of 8, as in the header
  std::vector<std::uint8_t> icmp;  // from the ICMP header on; its checksum is computed unless `keep_checksum`
  bool keep_checksum = false;

  FrameBytes frame() const {
    FrameBytes bytes(34);
    std::copy_n(link_destination.bytes().begin(), 6, bytes.begin());
    std::copy_n(link_source.bytes().begin(), 6, bytes.begin() + 6);
    const std::span<std::uint8_t> all(bytes);
    store16(all, 12, ETH_P_IP);
    const auto ip_header = all.subspan(14);
    ip_header[0] = 0x45;
    store16(ip_header, 2, static_cast<std::uint16_t>(20 + icmp.size()));
    store16(ip_header, 4, identification);
    store16(ip_header, 6, fragment);
    ip_header[8] = ttl;
    ip_header[9] = IPPROTO_ICMP;
    std::copy_n(source.bytes().begin(), 4, ip_header.begin() + 12);
    std::copy_n(destination.bytes().begin(), 4, ip_header.begin() + 16);
    store16(ip_header, 10, internet_checksum(ip_header));
    bytes.insert(bytes.end(), icmp.begin(), icmp.end());
    if (!keep_checksum) {
      const std::span<std::uint8_t> message = std::span(bytes).subspan(34);
      store16(message, 2, 0);
      store16(message, 2, internet_checksum(message));
    }
    return bytes;
  }
};

// The honest answer to a request: what a forger starts from.
inline Forgery honest_reply(const FrameBytes& request) {
  const auto parsed = parse_frame(LinkHeader::kEthernet, 0, request);
  Forgery reply;
  reply.link_source = parsed->link_destination;
  reply.link_destination = parsed->link_source;
  reply.source = parsed->ip->destination;
  reply.destination = parsed->ip->source;
  reply.icmp.assign(parsed->ip->payload.begin(), parsed->ip->payload.end());
  reply.icmp[0] = ICMP_ECHOREPLY;
  reply.identification = load16(reply.icmp, 6);  // a packet of its own for each request
  return reply;
}

// An ICMP error about a request: `rest` is the second word of its header.
inline Forgery error_about(const FrameBytes& request, std::uint8_t type, std::uint8_t code, std::uint16_t rest = 0) {
  Forgery error = honest_reply(request);
  error.icmp.assign(8, 0);
  error.icmp[0] = type;
  error.icmp[1] = code;
  store16(error.icmp, 6, rest);
  error.icmp.insert(error.icmp.end(), request.begin() + 14, request.begin() + 14 + 28);
  return error;
}

class Impostor {
 public:
  using Answer = std::function<Frames(const FrameBytes& request)>;

  explicit Impostor(Answer answer) : answer_(std::move(answer)), stop_(::eventfd(0, EFD_CLOEXEC)) {
    in_namespace("far", [] { return TestPair::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1"); });
    socket_ = test_socket("far", AF_PACKET, SOCK_RAW, htons(ETH_P_IP)).value();
    thread_ = std::thread([this] { run(); });
  }
  Impostor(const Impostor&) = delete;
  Impostor& operator=(const Impostor&) = delete;
  ~Impostor() {
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
  }

 private:
  void run() {
    for (;;) {
      pollfd waits[] = {{stop_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}};
      ::poll(waits, 2, -1);
      if (waits[0].revents != 0) return;
      FrameBytes request(2048);
      sockaddr_ll from{};
      socklen_t size = sizeof from;
      const ssize_t received =
          ::recvfrom(socket_.get(), request.data(), request.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (received < 42 || from.sll_pkttype == PACKET_OUTGOING) continue;
      request.resize(static_cast<std::size_t>(received));
      if (request[23] != IPPROTO_ICMP || request[34] != ICMP_ECHO) continue;
      for (const FrameBytes& frame : answer_(request)) {
        ::sendto(socket_.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
      }
    }
  }

  Answer answer_;
  UniqueFd stop_;
  UniqueFd socket_;
  std::thread thread_;
};

}  // namespace netns_lab::probe
