// Socket filters (classic BPF, linux/filter.h, Documentation/networking/filter.rst): the kernel throws away what is not
// ours before it is queued. They only keep the volume down; what they let through is looked at again.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/address.h"

namespace netns_lab::probe {

// The identifiers first .. first + count - 1; they do not wrap.
struct IdentifierRange {
  std::uint16_t first = 0;
  std::uint32_t count = 0;  // 0: none
  bool contains(std::uint16_t identifier) const {
    return identifier - first >= 0 && static_cast<std::uint32_t>(identifier - first) < count;
  }
  bool operator==(const IdentifierRange&) const = default;
};

class SocketFilter {
 public:
  // For raw ICMP sockets: echo replies with such an identifier, and all ICMP errors. The packet begins with its IP
  // header in IPv4, with its ICMP header in IPv6.
  static SocketFilter echo_replies(Family family, IdentifierRange identifiers);
  // For packet sockets on any interface: ARP; neighbour discovery; ICMP errors; echo requests and replies, whose ever;
  // UDP and TCP from or to `port` (0: none); and every later fragment, which alone does not say whose it is. Attaching
  // costs 50 µs (the kernel compiles it), so that captures keep it from probe to probe, and identifiers are compared
  // outside.
  static SocketFilter probe_packets(std::uint16_t port);

  // Takes effect with the next packet; what is queued stays. Error: kSystem.
  Result<void> attach_to(int socket) const;
  const std::vector<sock_filter>& program() const { return program_; }

 private:
  explicit SocketFilter(std::vector<sock_filter> program) : program_(std::move(program)) {}
  std::vector<sock_filter> program_;
};

}  // namespace netns_lab::probe
