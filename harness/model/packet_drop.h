// Why the kernel dropped packets, in its own words (skb_drop_reason, include/net/dropreason-core.h).
#pragma once

#include <cstdint>
#include <string>

namespace netns_lab {

struct PacketDrop {
  std::string link{};       // where it was seen last, sent or taken in; "" before it was at any
  std::string reason{};     // "IP_RPFILTER"
  std::uint32_t times = 0;  // packets
  bool operator==(const PacketDrop&) const = default;
};

}  // namespace netns_lab
