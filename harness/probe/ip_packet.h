// The header of an IPv4 or IPv6 packet (RFC 791, RFC 8200), extension headers included.
#pragma once

#include <cstdint>
#include <optional>

#include "harness/model/address.h"
#include "harness/probe/wire.h"

namespace netns_lab::probe {

struct IpFragment {
  std::uint32_t identification = 0;
  std::uint32_t offset = 0;  // bytes
  bool more = false;
};

struct IpPacket {
  IpAddress source;
  IpAddress destination;
  std::uint8_t ttl = 0;                // hop limit in IPv6
  std::uint8_t protocol = 0;           // of the payload, behind all extension headers
  std::optional<IpFragment> fragment;  // only when it is one
  Bytes payload;                       // without link-layer padding
};

enum class Truncation : std::uint8_t {
  kRefused,  // a packet shorter than its header says is none
  kAllowed,  // the beginning of a packet, as ICMP errors quote it
};

// Nothing when it is not such a packet. Of a later fragment in IPv6 with extension headers behind the fragment header,
// `protocol` is that of the next header field, and the payload starts there.
std::optional<IpPacket> parse_ip(Family family, Bytes bytes, Truncation truncation = Truncation::kRefused);

}  // namespace netns_lab::probe
