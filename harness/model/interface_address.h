// An address on an interface as the kernel reports it (RTM_NEWADDR, linux/if_addr.h).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "harness/model/address.h"

namespace netns_lab {

// RT_SCOPE_* (linux/rtnetlink.h).
enum class Scope : std::uint8_t { kGlobal = 0, kSite = 200, kLink = 253, kHost = 254, kNowhere = 255 };
std::string to_string(Scope scope);  // "global", "link", "host", …

inline constexpr std::uint32_t kForeverLifetime = 0xFFFFFFFF;  // INFINITY_LIFE_TIME

struct InterfaceAddress {
  std::uint32_t link_index = 0;
  std::string link;                    // the interface's name, resolved when the snapshot was taken
  Prefix prefix;                       // the local address with its prefix length
  std::optional<IpAddress> peer;       // when it differs from the local address
  std::optional<IpAddress> broadcast;  // IPv4 only
  Scope scope = Scope::kGlobal;
  std::uint32_t flags = 0;                              // IFA_F_* (the 32-bit IFA_FLAGS where the kernel sends it)
  std::uint32_t valid_lifetime = kForeverLifetime;      // seconds
  std::uint32_t preferred_lifetime = kForeverLifetime;  // seconds
  std::string label;                                    // IPv4 only

  std::string flags_text() const;  // "permanent,noprefixroute"; as `ip` spells them
  bool operator==(const InterfaceAddress&) const = default;
};
std::ostream& operator<<(std::ostream& out, const InterfaceAddress& address);

}  // namespace netns_lab
