#include "harness/model/interface_address.h"

#include <array>
#include <ostream>

#include "harness/model/flag_text.h"

namespace netns_lab {
namespace {

constexpr std::uint32_t kSecondaryFlag = 0x01;  // IFA_F_SECONDARY, which IPv6 calls IFA_F_TEMPORARY

// IFA_F_* of linux/if_addr.h, spelled as `ip address` does.
constexpr std::array kFlagNames{
    FlagName{0x02, "nodad"},     FlagName{0x04, "optimistic"},      FlagName{0x08, "dadfailed"},
    FlagName{0x10, "home"},      FlagName{0x20, "deprecated"},      FlagName{0x40, "tentative"},
    FlagName{0x80, "permanent"}, FlagName{0x100, "mngtmpaddr"},     FlagName{0x200, "noprefixroute"},
    FlagName{0x400, "autojoin"}, FlagName{0x800, "stable-privacy"},
};

std::string lifetime(std::uint32_t seconds) {
  return seconds == kForeverLifetime ? "forever" : std::to_string(seconds) + "s";
}

}  // namespace

std::string to_string(Scope scope) {
  switch (scope) {
    case Scope::kGlobal:
      return "global";
    case Scope::kSite:
      return "site";
    case Scope::kLink:
      return "link";
    case Scope::kHost:
      return "host";
    case Scope::kNowhere:
      return "nowhere";
  }
  return std::to_string(static_cast<unsigned>(scope));
}

std::string InterfaceAddress::flags_text() const {
  std::string text;
  if ((flags & kSecondaryFlag) != 0) text = prefix.address.is_v4() ? "secondary" : "temporary";
  const std::string rest = flag_text(flags & ~kSecondaryFlag, kFlagNames);
  if (!text.empty() && !rest.empty()) text += ',';
  return text + rest;
}

std::ostream& operator<<(std::ostream& out, const InterfaceAddress& address) {
  out << address.prefix;
  if (address.peer) out << " peer " << *address.peer;
  if (address.broadcast) out << " brd " << *address.broadcast;
  out << " dev " << address.link << " scope " << to_string(address.scope);
  if (const std::string flags = address.flags_text(); !flags.empty()) out << ' ' << flags;
  if (!address.label.empty() && address.label != address.link) out << " label " << address.label;
  if (address.valid_lifetime != kForeverLifetime || address.preferred_lifetime != kForeverLifetime) {
    out << " valid " << lifetime(address.valid_lifetime) << " preferred " << lifetime(address.preferred_lifetime);
  }
  return out;
}

}  // namespace netns_lab
