#include "harness/model/neighbour.h"

#include <array>
#include <ostream>

#include "harness/model/flag_text.h"

namespace netns_lab {
namespace {

// NUD_* and NTF_* of linux/neighbour.h, spelled as `ip neighbour` does.
constexpr std::array kStateNames{
    FlagName{0x01, "INCOMPLETE"}, FlagName{0x02, "REACHABLE"}, FlagName{0x04, "STALE"}, FlagName{0x08, "DELAY"},
    FlagName{0x10, "PROBE"},      FlagName{0x20, "FAILED"},    FlagName{0x40, "NOARP"}, FlagName{0x80, "PERMANENT"},
};
constexpr std::array kFlagNames{
    FlagName{0x01, "use"},          FlagName{0x02, "self"},    FlagName{0x04, "master"}, FlagName{0x08, "proxy"},
    FlagName{0x10, "extern_learn"}, FlagName{0x20, "offload"}, FlagName{0x40, "sticky"}, FlagName{0x80, "router"},
    FlagName{0x100, "managed"},     FlagName{0x200, "locked"},
};

}  // namespace

std::string neighbour_state_text(std::uint16_t state) { return state == 0 ? "NONE" : flag_text(state, kStateNames); }
std::string neighbour_flags_text(std::uint32_t flags) { return flag_text(flags, kFlagNames); }
std::string Neighbour::state_text() const { return neighbour_state_text(state); }

std::ostream& operator<<(std::ostream& out, const Neighbour& neighbour) {
  out << neighbour.address << " dev " << neighbour.link;
  if (neighbour.mac) out << " lladdr " << *neighbour.mac;
  if (neighbour.flags != 0) out << ' ' << neighbour_flags_text(neighbour.flags);
  return out << ' ' << neighbour.state_text();
}

}  // namespace netns_lab
