#include "harness/probe/sighting_reader.h"

#include <netinet/in.h>

#include <algorithm>

namespace netns_lab::probe {
namespace {

constexpr std::size_t kUdpHeaderSize = 8;
constexpr std::size_t kTcpHeaderSize = 20;
constexpr std::size_t kMostUnfinished = 4096;

Seen seen_on(const CapturedFrame& frame, const Frame& parsed) {
  Seen seen;
  seen.link_index = frame.link_index;
  seen.sighting.direction = frame.direction;
  seen.sighting.time = frame.time;
  seen.sighting.link_source = parsed.link_source;
  seen.sighting.link_destination = parsed.link_destination;
  return seen;
}

void read_icmp(Family family, Bytes message, Seen& seen) {
  const auto icmp = parse_icmp(family, message);
  if (!icmp) return;
  Sighting& sighting = seen.sighting;
  switch (icmp->kind) {
    case IcmpKind::kEchoRequest:
    case IcmpKind::kEchoReply:
      sighting.kind = icmp->kind == IcmpKind::kEchoRequest ? SightingKind::kRequest : SightingKind::kReply;
      sighting.identifier = icmp->identifier;
      sighting.sequence = icmp->sequence;
      seen.payload = icmp->payload;
      break;
    case IcmpKind::kProblem:
      sighting.kind = SightingKind::kProblem;
      seen.quote = icmp->quote;
      if (icmp->quote) {
        sighting.identifier = icmp->quote->identifier;
        sighting.sequence = icmp->quote->sequence;
      }
      break;
    case IcmpKind::kNeighbourDiscovery:
      sighting.kind = SightingKind::kNeighbourDiscovery;
      sighting.identifier = icmp->type;
      sighting.advertised = icmp->link_layer_address;
      if (icmp->neighbour) {
        constexpr std::uint8_t kAdvertisement = 136;
        (icmp->type == kAdvertisement ? sighting.source : sighting.destination) = *icmp->neighbour;
      }
      break;
    case IcmpKind::kOther:
      break;
  }
}

void read_ports(std::uint8_t protocol, Bytes message, Seen& seen) {
  std::size_t header = kUdpHeaderSize;
  std::size_t end = message.size();
  if (protocol == IPPROTO_TCP) {
    if (message.size() < kTcpHeaderSize) return;
    header = std::size_t{message[12]} >> 4 << 2;
    if (header < kTcpHeaderSize || header > message.size()) return;
  } else {
    if (message.size() < kUdpHeaderSize) return;
    const std::size_t length = load16(message, 4);
    if (length >= kUdpHeaderSize) end = std::min(end, length);
  }
  seen.sighting.kind = protocol == IPPROTO_TCP ? SightingKind::kTcp : SightingKind::kUdp;
  seen.sighting.identifier = load16(message, 0);
  seen.sighting.sequence = load16(message, 2);
  seen.payload = message.subspan(header, end - header);
}

void read_transport(Family family, std::uint8_t protocol, Bytes message, Seen& seen) {
  if (protocol == icmp_protocol(family)) read_icmp(family, message, seen);
  if (protocol == IPPROTO_UDP || protocol == IPPROTO_TCP) read_ports(protocol, message, seen);
  seen.sighting.payload_size = static_cast<std::uint32_t>(seen.payload.size());
}

std::uint64_t place_of(const CapturedFrame& frame) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(frame.link_index)) << 1 |
         (frame.direction == PacketDirection::kSent ? 1U : 0U);
}

}  // namespace

void SightingReader::read(const CapturedFrame& frame, const Take& take) {
  const auto parsed = parse_frame(frame.header, frame.ether_type, frame.bytes);
  if (!parsed) return;
  if (parsed->arp) {
    Seen seen = seen_on(frame, *parsed);
    seen.sighting.kind = SightingKind::kArp;
    seen.sighting.source = parsed->arp->sender;
    seen.sighting.destination = parsed->arp->target;
    seen.sighting.identifier = parsed->arp->operation;
    seen.sighting.advertised = parsed->arp->sender_hardware;
    take(seen);
  } else if (parsed->ip) {
    read_ip(frame, *parsed, take);
  }
}

void SightingReader::read_ip(const CapturedFrame& frame, const Frame& parsed, const Take& take) {
  const IpPacket& packet = *parsed.ip;
  Seen seen = seen_on(frame, parsed);
  seen.sighting.source = packet.source;
  seen.sighting.destination = packet.destination;
  seen.sighting.ttl = packet.ttl;
  if (!packet.fragment) {
    read_transport(packet.source.family(), packet.protocol, packet.payload, seen);
    take(seen);
    return;
  }
  const std::uint64_t place = place_of(frame);
  const Reassembly::Key key{place, packet.source, packet.destination, packet.fragment->identification};
  if (first_seen_.size() >= kMostUnfinished) first_seen_.clear();
  const Seen first = first_seen_.try_emplace(key, seen).first->second;
  const auto whole = reassembly_.add(place, packet);
  if (!whole) return;
  first_seen_.erase(key);
  seen.sighting.time = std::max(seen.sighting.time, first.sighting.time);
  seen.sighting.ttl = whole->ttl;
  seen.sighting.fragments = whole->fragments;
  read_transport(packet.source.family(), whole->protocol, whole->payload, seen);
  take(seen);
}

void SightingReader::finish(const Take& take) {
  for (const auto& [key, part] : reassembly_.take_unfinished()) {
    const auto first = first_seen_.find(key);
    if (first == first_seen_.end()) continue;
    Seen seen = first->second;
    seen.complete = false;
    seen.sighting.ttl = part.ttl;
    seen.sighting.fragments = part.fragments;
    read_transport(key.source.family(), part.protocol, part.payload, seen);
    take(seen);
  }
  first_seen_.clear();
}

}  // namespace netns_lab::probe
