#include "harness/probe/icmp.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <algorithm>

#include "harness/probe/checksum.h"
#include "harness/probe/ip_packet.h"

namespace netns_lab::probe {
namespace {

constexpr std::uint8_t kTargetLinkLayerAddress = 2;  // RFC 4861, section 4.6.1
constexpr std::uint8_t kSourceLinkLayerAddress = 1;

IcmpKind kind_of(Family family, std::uint8_t type) {
  if (family == Family::kIpv4) {
    switch (type) {
      case ICMP_ECHO:
        return IcmpKind::kEchoRequest;
      case ICMP_ECHOREPLY:
        return IcmpKind::kEchoReply;
      case ICMP_DEST_UNREACH:
      case ICMP_SOURCE_QUENCH:
      case ICMP_REDIRECT:
      case ICMP_TIME_EXCEEDED:
      case ICMP_PARAMETERPROB:
        return IcmpKind::kProblem;
      default:
        return IcmpKind::kOther;
    }
  }
  if (type == ICMP6_ECHO_REQUEST) return IcmpKind::kEchoRequest;
  if (type == ICMP6_ECHO_REPLY) return IcmpKind::kEchoReply;
  if (type < 128) return IcmpKind::kProblem;  // RFC 4443, section 2.1: the high bit is clear in errors
  if (type >= ND_ROUTER_SOLICIT && type <= ND_REDIRECT) return IcmpKind::kNeighbourDiscovery;
  return IcmpKind::kOther;
}

std::optional<IcmpQuote> parse_quote(Family family, Bytes quoted) {
  const auto packet = parse_ip(family, quoted, Truncation::kAllowed);
  if (!packet) return std::nullopt;
  IcmpQuote quote{.source = packet->source, .destination = packet->destination, .protocol = packet->protocol};
  if (packet->fragment && packet->fragment->offset != 0) return quote;
  const Bytes inner = packet->payload;
  const int echo_protocol = icmp_protocol(family);
  if (packet->protocol == echo_protocol && inner.size() >= kIcmpHeaderSize) {
    quote.is_echo_request = kind_of(family, inner[0]) == IcmpKind::kEchoRequest;
    quote.identifier = load16(inner, 4);
    quote.sequence = load16(inner, 6);
  } else if ((packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_TCP) && inner.size() >= 4) {
    quote.identifier = load16(inner, 0);
    quote.sequence = load16(inner, 2);
  }
  return quote;
}

void parse_neighbour(Bytes message, IcmpMessage& parsed) {
  if (parsed.type != ND_NEIGHBOR_SOLICIT && parsed.type != ND_NEIGHBOR_ADVERT) return;
  if (message.size() < 24) return;
  parsed.neighbour = IpAddress::from_bytes(message.subspan(8, 16));
  const std::uint8_t wanted = parsed.type == ND_NEIGHBOR_SOLICIT ? kSourceLinkLayerAddress : kTargetLinkLayerAddress;
  for (std::size_t at = 24; at + 8 <= message.size();) {
    const std::size_t size = std::size_t{message[at + 1]} * 8;  // in units of 8 octets
    if (size == 0 || at + size > message.size()) return;
    if (message[at] == wanted) {
      std::array<std::uint8_t, 6> mac{};
      std::ranges::copy(message.subspan(at + 2, 6), mac.begin());
      parsed.link_layer_address = MacAddress(mac);
      return;
    }
    at += size;
  }
}

}  // namespace

int icmp_protocol(Family family) {
  if (family == Family::kIpv4) return IPPROTO_ICMP;
  return IPPROTO_ICMPV6;
}

void write_echo_request(Family family, std::uint16_t identifier, std::uint16_t sequence,
                        std::span<std::uint8_t> message) {
  message[0] = family == Family::kIpv4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
  message[1] = 0;
  store16(message, 2, 0);
  store16(message, 4, identifier);
  store16(message, 6, sequence);
  if (family == Family::kIpv4) store16(message, 2, internet_checksum(message));
}

std::optional<IcmpMessage> parse_icmp(Family family, Bytes message) {
  std::optional<IcmpMessage> result;  // returned everywhere, so that nothing is copied
  if (message.size() < kIcmpHeaderSize) return result;
  IcmpMessage& parsed = result.emplace();
  parsed.type = message[0];
  parsed.code = message[1];
  parsed.kind = kind_of(family, parsed.type);
  if (parsed.kind == IcmpKind::kEchoRequest || parsed.kind == IcmpKind::kEchoReply) {
    parsed.identifier = load16(message, 4);
    parsed.sequence = load16(message, 6);
    parsed.payload = message.subspan(kIcmpHeaderSize);
  } else if (parsed.kind == IcmpKind::kProblem) {
    if (family == Family::kIpv4) {
      if (parsed.type == ICMP_DEST_UNREACH && parsed.code == ICMP_FRAG_NEEDED) parsed.mtu = load16(message, 6);
    } else if (parsed.type == ICMP6_PACKET_TOO_BIG) {
      parsed.mtu = load32(message, 4);
    }
    parsed.quote = parse_quote(family, message.subspan(kIcmpHeaderSize));
  } else if (parsed.kind == IcmpKind::kNeighbourDiscovery) {
    parse_neighbour(message, parsed);
  }
  return result;
}

bool ends_the_packet(Family family, std::uint8_t type) {
  return family == Family::kIpv6 || (type != ICMP_SOURCE_QUENCH && type != ICMP_REDIRECT);
}

}  // namespace netns_lab::probe
