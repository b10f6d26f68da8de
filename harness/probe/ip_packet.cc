#include "harness/probe/ip_packet.h"

#include <netinet/in.h>

#include <algorithm>

namespace netns_lab::probe {
namespace {

constexpr std::size_t kIpv4HeaderSize = 20;
constexpr std::size_t kIpv6HeaderSize = 40;

std::optional<IpPacket> parse_ipv4(Bytes bytes, Truncation truncation) {
  std::optional<IpPacket> parsed;  // returned everywhere, so that nothing is copied
  if (bytes.size() < kIpv4HeaderSize || bytes[0] >> 4 != 4) return parsed;
  const std::size_t header = std::size_t{bytes[0] & 0x0FU} * 4;
  std::size_t total = load16(bytes, 2);
  if (total == 0) total = bytes.size();  // big TCP: "as long as the frame" (kernel: include/net/ip.h, iph_totlen)
  if (header < kIpv4HeaderSize || total < header || bytes.size() < header) return parsed;
  if (total > bytes.size() && truncation == Truncation::kRefused) return parsed;
  IpPacket& packet = parsed.emplace();
  packet.source = IpAddress::from_bytes(bytes.subspan(12, 4));
  packet.destination = IpAddress::from_bytes(bytes.subspan(16, 4));
  packet.ttl = bytes[8];
  packet.protocol = bytes[9];
  const std::uint16_t flags = load16(bytes, 6);
  const bool more = (flags & 0x2000) != 0;
  const std::uint32_t offset = (flags & 0x1FFFU) * 8U;
  if (more || offset != 0) packet.fragment = IpFragment{load16(bytes, 4), offset, more};
  packet.payload = bytes.subspan(header, std::min(total, bytes.size()) - header);
  return parsed;
}

std::optional<IpPacket> parse_ipv6(Bytes bytes, Truncation truncation) {
  if (bytes.size() < kIpv6HeaderSize || bytes[0] >> 4 != 6) return std::nullopt;
  const std::size_t length = load16(bytes, 4);
  std::size_t total = kIpv6HeaderSize + length;
  if (length == 0 && bytes[6] != IPPROTO_NONE) total = bytes.size();  // a jumbogram, or big TCP
  if (total > bytes.size() && truncation == Truncation::kRefused) return std::nullopt;
  IpPacket packet;
  packet.source = IpAddress::from_bytes(bytes.subspan(8, 16));
  packet.destination = IpAddress::from_bytes(bytes.subspan(24, 16));
  packet.ttl = bytes[7];
  packet.protocol = bytes[6];
  Bytes rest = bytes.subspan(kIpv6HeaderSize, std::min(total, bytes.size()) - kIpv6HeaderSize);
  while (rest.size() >= 8 && !(packet.fragment && packet.fragment->offset != 0)) {
    std::size_t size = 8;
    if (packet.protocol == IPPROTO_FRAGMENT) {
      const std::uint16_t flags = load16(rest, 2);
      // A fragment header with neither offset nor more: an atomic fragment, a whole packet (RFC 6946).
      if (flags != 0) packet.fragment = IpFragment{load32(rest, 4), flags & 0xFFF8U, (flags & 1) != 0};
    } else if (packet.protocol == IPPROTO_HOPOPTS || packet.protocol == IPPROTO_ROUTING ||
               packet.protocol == IPPROTO_DSTOPTS) {
      size = (std::size_t{rest[1]} + 1) * 8;
    } else {
      break;
    }
    if (size > rest.size()) return std::nullopt;
    packet.protocol = rest[0];
    rest = rest.subspan(size);
  }
  packet.payload = rest;
  return packet;
}

}  // namespace

std::optional<IpPacket> parse_ip(Family family, Bytes bytes, Truncation truncation) {
  return family == Family::kIpv4 ? parse_ipv4(bytes, truncation) : parse_ipv6(bytes, truncation);
}

}  // namespace netns_lab::probe
