#include "harness/probe/frame.h"

#include <net/if_arp.h>

#include <linux/if_ether.h>

#include <algorithm>

namespace netns_lab::probe {
namespace {

constexpr std::size_t kVlanTagSize = 4;

MacAddress mac_at(Bytes bytes, std::size_t at) {
  std::array<std::uint8_t, 6> mac{};
  std::ranges::copy(bytes.subspan(at, 6), mac.begin());
  return MacAddress(mac);
}

std::optional<ArpPacket> parse_arp(Bytes bytes) {
  if (bytes.size() < 28) return std::nullopt;
  if (load16(bytes, 0) != ARPHRD_ETHER || load16(bytes, 2) != ETH_P_IP || bytes[4] != 6 || bytes[5] != 4) {
    return std::nullopt;
  }
  return ArpPacket{.operation = load16(bytes, 6),
                   .sender_hardware = mac_at(bytes, 8),
                   .sender = IpAddress::from_bytes(bytes.subspan(14, 4)),
                   .target_hardware = mac_at(bytes, 18),
                   .target = IpAddress::from_bytes(bytes.subspan(24, 4))};
}

}  // namespace

LinkHeader link_header_of(std::uint16_t hardware_type) {
  return hardware_type == ARPHRD_ETHER || hardware_type == ARPHRD_LOOPBACK ? LinkHeader::kEthernet : LinkHeader::kNone;
}

std::optional<Frame> parse_frame(LinkHeader header, std::uint16_t ether_type, Bytes bytes) {
  Frame frame;
  frame.ether_type = ether_type;
  if (header == LinkHeader::kEthernet) {
    if (bytes.size() < ETH_HLEN) return std::nullopt;
    frame.link_destination = mac_at(bytes, 0);
    frame.link_source = mac_at(bytes, 6);
    frame.ether_type = load16(bytes, 12);
    bytes = bytes.subspan(ETH_HLEN);
    while (frame.ether_type == ETH_P_8021Q || frame.ether_type == ETH_P_8021AD) {
      if (bytes.size() < kVlanTagSize) return std::nullopt;
      frame.ether_type = load16(bytes, 2);
      bytes = bytes.subspan(kVlanTagSize);
    }
  }
  if (frame.ether_type == ETH_P_ARP) frame.arp = parse_arp(bytes);
  if (frame.ether_type == ETH_P_IP) frame.ip = parse_ip(Family::kIpv4, bytes);
  if (frame.ether_type == ETH_P_IPV6) frame.ip = parse_ip(Family::kIpv6, bytes);
  return frame;
}

}  // namespace netns_lab::probe
