// A neighbour (ARP or ND) table entry (RTM_NEWNEIGH, linux/neighbour.h).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "harness/model/address.h"

namespace netns_lab {

struct Neighbour {
  std::uint32_t link_index = 0;
  std::string link;
  IpAddress address;
  std::optional<MacAddress> mac;
  std::uint16_t state = 0;  // NUD_* bits: 0x02 reachable, 0x04 stale, 0x20 failed, 0x80 permanent …
  std::uint32_t flags = 0;  // NTF_*
  bool is_permanent() const { return (state & 0x80) != 0; }
  std::string state_text() const;  // "REACHABLE", "PERMANENT", …
  bool operator==(const Neighbour&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Neighbour& neighbour);

}  // namespace netns_lab
