// A neighbour (ARP or ND) table entry (RTM_NEWNEIGH, linux/neighbour.h).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "harness/model/address.h"

namespace netns_lab {

// As `ip neighbour` and `bridge fdb` spell them: "REACHABLE", "PERMANENT"; "extern_learn".
std::string neighbour_state_text(std::uint16_t state);
std::string neighbour_flags_text(std::uint32_t flags);

struct Neighbour {
  std::uint32_t link_index = 0;
  std::string link;
  IpAddress address;
  std::optional<MacAddress> mac;
  std::uint16_t state = 0;  // NUD_* bits: 0x02 reachable, 0x04 stale, 0x20 failed, 0x80 permanent …
  std::uint32_t flags = 0;  // NTF_*; NTF_EXT_* from bit 8 on
  bool is_permanent() const { return (state & 0x80) != 0; }
  bool is_proxy() const { return (flags & 0x08) != 0; }  // NTF_PROXY: answered for, not known
  // Made, or kept, by somebody's order: permanent, a proxy, externally learned or managed (NTF_EXT_MANAGED); else the
  // kernel learns and forgets it by itself.
  bool is_static() const { return is_permanent() || (flags & (0x08 | 0x10 | 0x100)) != 0; }
  std::string state_text() const;  // "REACHABLE", "PERMANENT", …
  bool operator==(const Neighbour&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Neighbour& neighbour);

}  // namespace netns_lab
