// ICMP messages (RFC 792, RFC 4443) as values: the echo we write, and whatever comes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "harness/model/address.h"
#include "harness/probe/wire.h"

namespace netns_lab::probe {

inline constexpr std::size_t kIcmpHeaderSize = 8;
int icmp_protocol(Family family);  // IPPROTO_ICMP, IPPROTO_ICMPV6

enum class IcmpKind : std::uint8_t { kEchoRequest, kEchoReply, kProblem, kNeighbourDiscovery, kOther };

// What an ICMP error quotes of the packet it is about.
struct IcmpQuote {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;
  // Of a quoted echo request: its identifier and sequence; of UDP and TCP: source and destination port. 0 when too
  // little is quoted.
  bool is_echo_request = false;
  std::uint16_t identifier = 0;
  std::uint16_t sequence = 0;
};

struct IcmpMessage {
  IcmpKind kind = IcmpKind::kOther;
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t identifier = 0;    // of an echo
  std::uint16_t sequence = 0;      // of an echo
  std::uint32_t mtu = 0;           // of "fragmentation needed" (RFC 1191) and "packet too big"
  Bytes payload;                   // of an echo: what follows the header
  std::optional<IcmpQuote> quote;  // of a problem, when it can be read
  // Of neighbour solicitation and advertisement (RFC 4861, section 4.3 and 4.4)
  std::optional<IpAddress> neighbour;
  MacAddress link_layer_address;
};

// Writes the header of an echo request in front of the payload that is already in message[8..]; ICMPv4 gets its
// checksum, that of ICMPv6 is the kernel's work on raw sockets (RFC 3542, section 3.1). `message` has at least 8 bytes.
void write_echo_request(Family family, std::uint16_t identifier, std::uint16_t sequence,
                        std::span<std::uint8_t> message);

// Nothing when it is shorter than its header. The checksum is not looked at.
std::optional<IcmpMessage> parse_icmp(Family family, Bytes message);

// Whether it says that the packet it quotes will never arrive: all errors but source quench and redirect, which let it
// travel on.
bool ends_the_packet(Family family, std::uint8_t type);

}  // namespace netns_lab::probe
