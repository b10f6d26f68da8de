// An entry of a bridge's forwarding database: behind which port a MAC address is (RTM_NEWNEIGH of AF_BRIDGE,
// net/bridge/br_fdb.c). Or of a VXLAN link's: behind which tunnel end (drivers/net/vxlan/vxlan_core.c); there the MAC
// address of zeros is everything that is known of no other entry.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "harness/model/address.h"

namespace netns_lab {

struct ForwardingEntry {
  std::uint32_t link_index = 0;
  std::string link;    // the port, or the bridge itself
  std::string bridge;  // whose database it is in; "": the VXLAN link's own
  MacAddress mac;
  std::uint16_t vlan = 0;                  // 0: none
  std::uint16_t state = 0;                 // NUD_*: permanent (the bridge's own), noarp (static), else learned
  std::uint32_t flags = 0;                 // NTF_*
  std::optional<IpAddress> destination{};  // VXLAN: the tunnel end (NDA_DST)
  std::string otherwise{};                 // VXLAN: how it is sent there other than the link says: "port 4790 vni 43"

  bool is_local() const { return (state & 0x80) != 0; }   // what comes for it is the node's own
  bool is_static() const { return (state & 0x40) != 0; }  // never forgotten
  // From a packet's source address, as long as one came: neither brought in (NTF_EXT_LEARNED) nor sticky (NTF_STICKY:
  // it stays with its port though its packets come in by another).
  bool is_learned() const { return !is_local() && !is_static() && (flags & (0x10U | 0x40U)) == 0; }
  bool operator==(const ForwardingEntry&) const = default;
};
std::ostream& operator<<(std::ostream& out, const ForwardingEntry& entry);  // "02:… dev veth10 master br0 REACHABLE"

}  // namespace netns_lab
