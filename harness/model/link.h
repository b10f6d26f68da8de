// A network interface as the kernel reports it (RTM_NEWLINK, linux/if_link.h).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/address.h"

namespace netns_lab {

// RFC 2863 operational states, linux/if.h IF_OPER_*.
enum class OperState : std::uint8_t {
  kUnknown = 0,
  kNotPresent = 1,
  kDown = 2,
  kLowerLayerDown = 3,
  kTesting = 4,
  kDormant = 5,
  kUp = 6,
};
std::string to_string(OperState state);  // "UP", "LOWERLAYERDOWN", as `ip` spells them

// What a bridge, or a port of one, is set to, by the names of ip-link(8): "stp_state" -> 0, "learning" -> 1.
using BridgeSettings = std::map<std::string, std::uint32_t>;
std::string to_string(const BridgeSettings& settings);  // "learning 1, state 3"

// What a VXLAN link is set to (IFLA_VXLAN_* of linux/if_link.h, drivers/net/vxlan; RFC 7348).
struct VxlanSettings {
  std::uint32_t vni = 0;            // VXLAN network identifier, 24 bits
  std::uint16_t port = 0;           // UDP, of the other end; host order
  std::optional<IpAddress> local;   // its own end of the tunnel
  std::optional<IpAddress> remote;  // the other end, or a multicast group; none: the forwarding entries tell
  std::uint32_t link_index = 0;     // out of which link; 0: the routes tell
  BridgeSettings other{};           // by the names of ip-link(8): "learning" -> 1, "ttl" -> 0, "udpcsum" -> 1
  bool operator==(const VxlanSettings&) const = default;
};
std::string to_string(const VxlanSettings& settings);  // "id 42 port 4789 local 10.0.0.10 remote 10.0.1.20, learning 1"

struct Link {
  std::uint32_t index = 0;  // 1 and up; unique in its namespace
  std::string name;
  std::string kind;  // IFLA_INFO_KIND: "veth", "bridge", …; "" where the driver reports none (lo, hardware)
  MacAddress mac;
  MacAddress broadcast{};   // what a packet for all is addressed to; zeros where there is none
  std::uint32_t mtu = 0;    // bytes
  std::uint32_t flags = 0;  // IFF_* (linux/if.h)
  OperState operstate = OperState::kUnknown;
  bool carrier = false;
  std::optional<std::uint32_t> master;       // index of the bridge, bond or vrf it belongs to
  std::optional<std::uint32_t> peer_index;   // IFLA_LINK: for veth the peer's index, in the namespace below
  std::optional<std::int32_t> peer_netnsid;  // IFLA_LINK_NETNSID; none: the peer is in the same namespace
  std::uint32_t group = 0;
  std::uint32_t promiscuity = 0;
  std::string qdisc;  // IFLA_QDISC
  std::string alias;  // IFLA_IFALIAS
  std::vector<std::string> alternative_names;
  bool xdp_attached = false;
  // What any link has, by the names of ip-link(8): "txqueuelen" -> 1000, "gso_max_size", "gro_max_size", "numtxqueues".
  BridgeSettings settings{};
  std::vector<std::string> switched_off{};  // features that ethtool(8) could switch on: "tx-checksum-ip-generic"
  std::optional<IpAddress> token{};         // the host's part of IPv6 addresses that are made of announced prefixes
  BridgeSettings bridge;                    // IFLA_BR_*; empty of what is no bridge
  BridgeSettings bridge_port;               // IFLA_BRPORT_*; empty of what is no port of one
  std::optional<VxlanSettings> vxlan{};

  bool is_up() const;        // IFF_UP: administratively up
  bool is_loopback() const;  // IFF_LOOPBACK
  std::string flags_text()
      const;  // "UP,BROADCAST,RUNNING,MULTICAST,LOWER_UP", known names in bit order, the rest as hex
  bool operator==(const Link&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Link& link);  // one line

}  // namespace netns_lab
