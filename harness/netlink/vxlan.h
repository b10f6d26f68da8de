// VXLAN links (IFLA_VXLAN_* of linux/if_link.h, drivers/net/vxlan/vxlan_core.c; RFC 7348) and the entries of their
// forwarding databases.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "harness/model/link.h"
#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/message.h"

namespace netns_lab::netlink {

struct VxlanSpec {
  std::string name;
  std::uint32_t vni = 0;   // 24 bits; more is refused by the kernel (ERANGE)
  std::uint16_t port = 0;  // UDP, host order
  IpAddress local;
  std::optional<IpAddress> remote;  // of the same family
  std::uint32_t link_index = 0;     // the uplink; 0: the routes tell
  bool learning = true;
  std::optional<std::uint32_t> mtu;  // bytes; none: with an uplink the kernel takes its MTU less the headers
  std::optional<MacAddress> mac;
};
// NLM_F_ECHO is set, as for create_link.
Request create_vxlan(const VxlanSpec& spec);

// IFLA_INFO_DATA of kind "vxlan"; into `further` what is not judged by name, but is as a new link has it.
VxlanSettings vxlan_settings(AttributeReader& data, BridgeSettings& further);

// An entry of a VXLAN link's own database, permanent; beside those that are there for the same MAC address (append:
// several tunnel ends for one are possible only for the address of zeros and for multicast).
Request add_vxlan_forwarding(std::uint32_t link_index, const MacAddress& mac, const IpAddress& destination);

}  // namespace netns_lab::netlink
