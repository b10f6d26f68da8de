#include "harness/model/forwarding_entry.h"

#include <ostream>

#include "harness/model/neighbour.h"

namespace netns_lab {

std::ostream& operator<<(std::ostream& out, const ForwardingEntry& entry) {
  out << entry.mac << " dev " << entry.link;
  if (!entry.bridge.empty()) out << " master " << entry.bridge;
  if (entry.destination) out << " dst " << *entry.destination;
  if (!entry.otherwise.empty()) out << ' ' << entry.otherwise;
  if (entry.vlan != 0) out << " vlan " << entry.vlan;
  if (entry.flags != 0) out << ' ' << neighbour_flags_text(entry.flags);
  return out << ' ' << neighbour_state_text(entry.state);
}

}  // namespace netns_lab
