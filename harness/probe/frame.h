// What a packet socket sees, taken apart: the link header, then ARP or IP.
#pragma once

#include <cstdint>
#include <optional>

#include "harness/model/address.h"
#include "harness/probe/ip_packet.h"
#include "harness/probe/wire.h"

namespace netns_lab::probe {

// How the link writes its frames.
enum class LinkHeader : std::uint8_t { kEthernet, kNone };  // kNone: TUN, IPIP: the network header comes first

// Of a hardware type as sockaddr_ll has it (linux/if_arp.h). Others than Ethernet and loopback are taken to have no
// link header.
LinkHeader link_header_of(std::uint16_t hardware_type);

// ARP for IPv4 over Ethernet (RFC 826).
struct ArpPacket {
  std::uint16_t operation = 0;  // 1 request, 2 reply
  MacAddress sender_hardware;
  IpAddress sender;
  MacAddress target_hardware;
  IpAddress target;
};

struct Frame {
  MacAddress link_source;  // zero without a link header
  MacAddress link_destination;
  std::uint16_t ether_type = 0;
  std::optional<ArpPacket> arp;
  std::optional<IpPacket> ip;  // neither: something else, or malformed
};

// `ether_type` is what the kernel says of it (sll_protocol, host order): it counts where there is no link header.
// Nothing when too short for its header.
std::optional<Frame> parse_frame(LinkHeader header, std::uint16_t ether_type, Bytes bytes);

}  // namespace netns_lab::probe
