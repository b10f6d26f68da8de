#include "harness/conformance/encapsulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

namespace netns_lab {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kVxlanHeader = 8;
constexpr std::uint16_t kIpv4Type = 0x0800;
constexpr std::uint16_t kIpv6Type = 0x86DD;
constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIpv6Fragment = 44, kIcmpv6 = 58;

std::uint16_t load16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

// What an IP header says, and what follows it.
struct Parsed {
  IpHeader header;
  Bytes payload;
};

void read_ports(Parsed& parsed) {
  const Bytes payload = parsed.payload;
  IpHeader& header = parsed.header;
  if (payload.size() < kUdpHeader || (header.protocol != kUdp && header.protocol != kTcp)) return;
  header.identifier = load16(payload, 0);
  header.sequence = load16(payload, 2);
}

// RFC 792 and RFC 4443, 4: type, code, checksum, identifier, sequence number.
void read_echo(Parsed& parsed, std::uint8_t request, std::uint8_t reply) {
  const Bytes payload = parsed.payload;
  if (payload.size() < 8) return;
  parsed.header.is_echo_request = payload[0] == request;
  parsed.header.is_echo_reply = payload[0] == reply;
  // RFC 792: unreachable, source quench, redirect, time exceeded, parameter problem. RFC 4443, 2.1: all below 128.
  const bool v4 = parsed.header.protocol == kIcmp;
  parsed.header.is_error =
      v4 ? (payload[0] >= 3 && payload[0] <= 5) || payload[0] == 11 || payload[0] == 12 : payload[0] < 128;
  parsed.header.identifier = load16(payload, 4);
  parsed.header.sequence = load16(payload, 6);
}

std::optional<Parsed> parse_ip(Bytes bytes) {
  Parsed parsed;
  IpHeader& header = parsed.header;
  if (bytes.size() >= 20 && bytes[0] >> 4U == 4) {
    const std::size_t size = std::size_t{bytes[0] & 0x0FU} * 4;
    const std::size_t total = load16(bytes, 2);
    if (size < 20 || total < size || total > bytes.size()) return std::nullopt;
    header.source = IpAddress::from_bytes(bytes.subspan(12, 4));
    header.destination = IpAddress::from_bytes(bytes.subspan(16, 4));
    header.ttl = bytes[8];
    header.protocol = bytes[9];
    header.size = static_cast<std::uint32_t>(total);
    header.is_fragment = (load16(bytes, 6) & 0x3FFFU) != 0;
    parsed.payload = bytes.subspan(size, total - size);
  } else if (bytes.size() >= 40 && bytes[0] >> 4U == 6) {
    const std::size_t total = std::size_t{40} + load16(bytes, 4);
    if (total > bytes.size()) return std::nullopt;
    header.source = IpAddress::from_bytes(bytes.subspan(8, 16));
    header.destination = IpAddress::from_bytes(bytes.subspan(24, 16));
    header.ttl = bytes[7];
    header.protocol = bytes[6];
    header.size = static_cast<std::uint32_t>(total);
    header.is_fragment = header.protocol == kIpv6Fragment;
    parsed.payload = bytes.subspan(40, total - 40);
  } else {
    return std::nullopt;
  }
  if (header.is_fragment) return parsed;
  read_ports(parsed);
  if (header.protocol == kIcmp && header.source.is_v4()) read_echo(parsed, 8, 0);
  if (header.protocol == kIcmpv6 && !header.source.is_v4()) read_echo(parsed, 128, 129);
  return parsed;
}

struct Ethernet {
  MacAddress source;
  MacAddress destination;
  bool is_ip = false;
  Bytes payload;
};
std::optional<Ethernet> parse_ethernet(Bytes frame) {
  if (frame.size() < kEthernetHeader) return std::nullopt;
  const auto mac_at = [&](std::size_t at) {
    std::array<std::uint8_t, 6> bytes{};
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), 6, bytes.begin());
    return MacAddress(bytes);
  };
  const std::uint16_t type = load16(frame, 12);
  return Ethernet{.source = mac_at(6),
                  .destination = mac_at(0),
                  .is_ip = type == kIpv4Type || type == kIpv6Type,
                  .payload = frame.subspan(kEthernetHeader)};
}

void read_tunnel(UnderlayPacket& packet, Bytes datagram, const TunnelForm& form) {
  Bytes inside = datagram;
  if (form.vxlan) {
    if (datagram.size() < kVxlanHeader) return;
    VxlanHeader header;
    constexpr std::uint8_t kValid = 0x08;
    header.vni_is_valid = (datagram[0] & kValid) != 0;
    header.reserved_is_zero =
        (datagram[0] & ~kValid) == 0 && datagram[1] == 0 && datagram[2] == 0 && datagram[3] == 0 && datagram[7] == 0;
    header.vni = static_cast<std::uint32_t>(datagram[4] << 16U | datagram[5] << 8U | datagram[6]);
    const auto frame = parse_ethernet(datagram.subspan(kVxlanHeader));
    if (!frame) return;
    header.inner_source = frame->source;
    header.inner_destination = frame->destination;
    packet.vxlan = header;
    if (!frame->is_ip) return;
    inside = frame->payload;
  }
  if (const auto inner = parse_ip(inside)) packet.inner = inner->header;
}

std::optional<UnderlayPacket> read_frame(Bytes frame, const TunnelForm& form) {
  const auto ethernet = parse_ethernet(frame);
  if (!ethernet || !ethernet->is_ip) return std::nullopt;
  const auto outer = parse_ip(ethernet->payload);
  if (!outer) return std::nullopt;
  UnderlayPacket packet;
  packet.outer = outer->header;
  const bool is_tunnels = outer->header.protocol == kUdp && !outer->header.is_fragment &&
                          outer->header.sequence == form.port && outer->payload.size() > kUdpHeader;
  if (is_tunnels) read_tunnel(packet, outer->payload.subspan(kUdpHeader), form);
  return packet;
}

std::uint32_t load_native32(Bytes bytes, std::size_t at) {
  std::array<std::uint8_t, 4> raw{};
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 4, raw.begin());
  return static_cast<std::uint32_t>(raw[0]) | static_cast<std::uint32_t>(raw[1]) << 8U |
         static_cast<std::uint32_t>(raw[2]) << 16U | static_cast<std::uint32_t>(raw[3]) << 24U;
}

// One of the echoes, or its answer, on its way.
struct Expected {
  std::string what;  // "request 2"
  bool is_request = true;
  std::uint16_t sequence = 0;
};
std::vector<Expected> expected_of(const EchoReport& echoes) {
  std::vector<Expected> all;
  for (const Echo& echo : echoes.echoes) {
    all.push_back({fmt::format("request {}", echo.sequence), true, echo.sequence});
    all.push_back({fmt::format("answer {}", echo.sequence), false, echo.sequence});
  }
  return all;
}

std::vector<const UnderlayPacket*> those_of(const std::vector<UnderlayPacket>& packets, const EchoReport& echoes,
                                            const Expected& expected, const Encapsulation& want) {
  std::vector<const UnderlayPacket*> found;
  for (const UnderlayPacket& packet : packets) {
    if (!packet.inner || packet.inner->identifier != echoes.identifier || packet.inner->sequence != expected.sequence)
      continue;
    const bool is_it = expected.is_request ? packet.inner->is_echo_request : packet.inner->is_echo_reply;
    // One of its addresses will do: that the other was rewritten is for inner_findings to tell.
    const IpAddress& sender = expected.is_request ? want.sender : want.receiver;
    const IpAddress& receiver = expected.is_request ? want.receiver : want.sender;
    const bool is_between = packet.inner->source == sender || packet.inner->destination == receiver;
    if (is_it && is_between) found.push_back(&packet);
  }
  return found;
}

// Equal findings of several packets once.
class Findings {
 public:
  void add(std::string text) {
    if (std::find(lines_.begin(), lines_.end(), text) == lines_.end()) lines_.push_back(std::move(text));
  }
  std::vector<std::string> lines() && { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

// What else is under way between the nodes, for whoever looks for what is not there.
std::string other_traffic(const std::vector<UnderlayPacket>& packets) {
  std::vector<std::string> kinds;
  for (const UnderlayPacket& packet : packets) {
    const IpHeader& outer = packet.outer;
    std::string kind = fmt::format("protocol {}", outer.protocol);
    if (outer.is_fragment) kind = "fragments";
    if (outer.protocol == kUdp && !outer.is_fragment) kind = fmt::format("UDP to port {}", outer.sequence);
    if (packet.vxlan && packet.vxlan->vni_is_valid) kind += fmt::format(" with VNI {}", packet.vxlan->vni);
    kind += fmt::format(" from {} to {}", outer.source.to_string(), outer.destination.to_string());
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(std::move(kind));
  }
  if (kinds.empty()) return "nothing was seen there";
  constexpr std::size_t kMost = 4;
  const std::size_t told = std::min(kMost, kinds.size());
  std::string text = "seen there: ";
  for (std::size_t i = 0; i < told; ++i) text += (i == 0 ? "" : "; ") + kinds[i];
  return kinds.size() > told ? text + "; and more" : text;
}

constexpr auto kNothingSent = "no echo was sent: nothing is proved";

// For each packet of the echoes that is there: `judge` adds to the findings. One that is not there is a finding.
template <typename Judge>
std::vector<std::string> judge_each(const std::vector<UnderlayPacket>& packets, const EchoReport& echoes,
                                    const Encapsulation& want, Judge judge) {
  if (echoes.echoes.empty()) return {kNothingSent};
  Findings findings;
  bool is_any_missing = false;
  for (const Expected& expected : expected_of(echoes)) {
    const auto found = those_of(packets, echoes, expected, want);
    if (found.empty()) {
      findings.add(fmt::format("{}: {} is in no packet of the tunnel", want.place, expected.what));
      is_any_missing = true;
    } else if (found.size() > 1) {
      findings.add(fmt::format("{}: {} is there {} times", want.place, expected.what, found.size()));
    }
    for (const UnderlayPacket* packet : found) judge(*packet, expected, findings);
  }
  if (is_any_missing) findings.add(fmt::format("{}: {}", want.place, other_traffic(packets)));
  return std::move(findings).lines();
}

}  // namespace

Result<std::vector<UnderlayPacket>> read_underlay(std::string_view pcap, const TunnelForm& form) {
  constexpr std::size_t kFileHeader = 24;
  constexpr std::size_t kRecordHeader = 16;
  constexpr std::uint32_t kNanoseconds = 0xA1B23C4D;  // in the byte order of who wrote it
  const Bytes bytes(reinterpret_cast<const std::uint8_t*>(pcap.data()), pcap.size());
  constexpr auto kAttempted = "read a capture of the underlay";
  if (bytes.size() < kFileHeader || load_native32(bytes, 0) != kNanoseconds)
    return tl::unexpected(Error::internal(kAttempted, "it is no little-endian pcap with nanoseconds"));
  std::vector<UnderlayPacket> packets;
  for (std::size_t at = kFileHeader; at < bytes.size();) {
    if (bytes.size() - at < kRecordHeader) return tl::unexpected(Error::internal(kAttempted, "it ends in a record"));
    const std::size_t size = load_native32(bytes, at + 8);
    at += kRecordHeader;
    if (bytes.size() - at < size) return tl::unexpected(Error::internal(kAttempted, "it ends in a packet"));
    if (const auto packet = read_frame(bytes.subspan(at, size), form)) packets.push_back(*packet);
    at += size;
  }
  return packets;
}

std::vector<std::string> outer_findings(const std::vector<UnderlayPacket>& packets, const EchoReport& echoes,
                                        const Encapsulation& want) {
  return judge_each(
      packets, echoes, want, [&](const UnderlayPacket& packet, const Expected& expected, Findings& findings) {
        const bool there = expected.is_request;
        const char* what = there ? "requests" : "answers";
        const IpAddress& source = there ? want.near_tunnel : want.far_tunnel;
        const IpAddress& destination = there ? want.far_tunnel : want.near_tunnel;
        const std::uint8_t ttl = there ? want.near_ttl : want.far_ttl;
        if (packet.outer.source != source || packet.outer.destination != destination) {
          findings.add(fmt::format("{}: {} are carried from {} to {}, not from {} to {}", want.place, what,
                                   packet.outer.source.to_string(), packet.outer.destination.to_string(),
                                   source.to_string(), destination.to_string()));
        }
        if (packet.outer.ttl != ttl) {
          findings.add(
              fmt::format("{}: {} are carried with outer TTL {}, not {}", want.place, what, packet.outer.ttl, ttl));
        }
        if (there && want.outer_size && packet.outer.size != *want.outer_size) {
          findings.add(fmt::format("{}: {} are carried in packets of {} bytes, not {}", want.place, what,
                                   packet.outer.size, *want.outer_size));
        }
      });
}

std::vector<std::string> header_findings(const std::vector<UnderlayPacket>& packets, const EchoReport& echoes,
                                         const Encapsulation& want) {
  return judge_each(packets, echoes, want, [&](const UnderlayPacket& packet, const Expected&, Findings& findings) {
    const std::uint32_t headers = packet.outer.size - packet.inner->size;
    if (headers != want.headers) {
      findings.add(
          fmt::format("{}: {} bytes stand before the inner packet, not {}", want.place, headers, want.headers));
    }
    if (!want.vni) return;
    if (!packet.vxlan || !packet.vxlan->vni_is_valid) {
      findings.add(want.place + ": a VXLAN header without its I flag");
      return;
    }
    if (packet.vxlan->vni != *want.vni)
      findings.add(fmt::format("{}: carried in network {}, not {}", want.place, packet.vxlan->vni, *want.vni));
    if (!packet.vxlan->reserved_is_zero)
      findings.add(want.place + ": a VXLAN header whose reserved bits are not all zero");
  });
}

std::vector<std::string> inner_findings(const std::vector<UnderlayPacket>& packets, const EchoReport& echoes,
                                        const Encapsulation& want) {
  return judge_each(
      packets, echoes, want, [&](const UnderlayPacket& packet, const Expected& expected, Findings& findings) {
        const bool there = expected.is_request;
        const char* what = there ? "requests" : "answers";
        const IpAddress& source = there ? want.sender : want.receiver;
        const IpAddress& destination = there ? want.receiver : want.sender;
        if (packet.inner->source != source || packet.inner->destination != destination) {
          findings.add(fmt::format("{}: inside, {} are from {} to {}, not from {} to {}", want.place, what,
                                   packet.inner->source.to_string(), packet.inner->destination.to_string(),
                                   source.to_string(), destination.to_string()));
        }
        if (packet.inner->ttl != want.inner_ttl) {
          findings.add(
              fmt::format("{}: inside, {} have TTL {}, not {}", want.place, what, packet.inner->ttl, want.inner_ttl));
        }
        if (!packet.vxlan || !want.near_mac || !want.far_mac) return;
        const MacAddress& sender = there ? *want.near_mac : *want.far_mac;
        const MacAddress& receiver = there ? *want.far_mac : *want.near_mac;
        if (packet.vxlan->inner_source != sender || packet.vxlan->inner_destination != receiver) {
          findings.add(fmt::format("{}: inside, {} are frames from {} to {}, not from {} to {}", want.place, what,
                                   packet.vxlan->inner_source.to_string(), packet.vxlan->inner_destination.to_string(),
                                   sender.to_string(), receiver.to_string()));
        }
      });
}

std::vector<std::string> stray_findings(const std::vector<UnderlayPacket>& packets, std::uint16_t port,
                                        const std::vector<IpAddress>& ends, const std::string& place) {
  Findings findings;
  std::size_t seen = 0;
  for (const UnderlayPacket& packet : packets) {
    if (packet.outer.protocol != kUdp || packet.outer.is_fragment || packet.outer.sequence != port) continue;
    ++seen;
    if (std::find(ends.begin(), ends.end(), packet.outer.destination) == ends.end()) {
      findings.add(fmt::format("{}: a packet of the tunnel goes to {}, which is no end of it", place,
                               packet.outer.destination.to_string()));
    }
  }
  if (seen == 0) findings.add(fmt::format("{}: nothing goes to UDP port {}; {}", place, port, other_traffic(packets)));
  return std::move(findings).lines();
}

std::vector<std::string> bare_findings(const std::vector<UnderlayPacket>& packets, const std::vector<Prefix>& subnets,
                                       const std::string& place) {
  const auto is_inside = [&](const IpAddress& address) {
    return std::any_of(subnets.begin(), subnets.end(),
                       [&](const Prefix& subnet) { return subnet.network().contains(address); });
  };
  Findings findings;
  for (const UnderlayPacket& packet : packets) {
    if (!is_inside(packet.outer.source) && !is_inside(packet.outer.destination)) continue;
    findings.add(fmt::format("{}: a packet from {} to {} outside of any tunnel", place, packet.outer.source.to_string(),
                             packet.outer.destination.to_string()));
  }
  return std::move(findings).lines();
}

}  // namespace netns_lab
