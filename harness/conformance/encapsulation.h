// What a tunnel's packets look like on the underlay, read off a capture there: the outer packet, the tunnel's header
// and the packet inside. It is a second opinion: nothing of what made or took in these packets is used.
//
//   NETNS_LAB_ASSIGN(const std::vector<UnderlayPacket> packets, read_underlay(pcap, {.port = 4789, .vxlan = true}));
//   for (const std::string& finding : outer_findings(packets, echoes, want)) …
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/model/echo.h"

namespace netns_lab {

// One IP packet, as far as it matters here.
struct IpHeader {
  IpAddress source;
  IpAddress destination;
  std::uint8_t ttl = 0;
  std::uint8_t protocol = 0;     // IPPROTO_*
  std::uint32_t size = 0;        // bytes, header included
  bool is_fragment = false;      // a piece of a larger one
  std::uint16_t identifier = 0;  // ICMP echo; UDP and TCP: source port
  std::uint16_t sequence = 0;    // ICMP echo; UDP and TCP: destination port
  bool is_echo_request = false;  // ICMP, ICMPv6
  bool is_echo_reply = false;
  bool is_error = false;  // ICMP, ICMPv6: destination unreachable and the like
};

// RFC 7348, 5.
struct VxlanHeader {
  bool vni_is_valid = false;      // the I flag
  bool reserved_is_zero = false;  // the other flags and the reserved fields
  std::uint32_t vni = 0;
  MacAddress inner_source;
  MacAddress inner_destination;
};

struct UnderlayPacket {
  IpHeader outer;
  std::optional<VxlanHeader> vxlan;  // with `inner` in a VXLAN tunnel
  std::optional<IpHeader> inner;     // none: not one of the tunnel's, or nothing that carries IP
};

// How a tunnel's packets are known: UDP to this port.
struct TunnelForm {
  std::uint16_t port = 0;
  bool vxlan = true;  // false: an IP packet a datagram, nothing before it
};

// Of a classic pcap of Ethernet frames (the `capture` operation). kInternal for what is none.
Result<std::vector<UnderlayPacket>> read_underlay(std::string_view pcap, const TunnelForm& form);

// How the echoes that one container sent to another, and the answers, shall look at one place of the underlay.
struct Encapsulation {
  std::string place;      // "node-1's eth0", for messages
  IpAddress near_tunnel;  // the tunnel's end on the sender's node, and on the receiver's
  IpAddress far_tunnel;
  IpAddress sender;  // inside
  IpAddress receiver;
  std::uint8_t near_ttl = 64;  // outer, of what comes from the near end; and from the far one
  std::uint8_t far_ttl = 64;
  std::uint8_t inner_ttl = 63;
  std::uint32_t headers = 0;           // bytes before the inner packet, outer IP header included
  std::optional<std::uint32_t> vni;    // none: no VXLAN
  std::optional<MacAddress> near_mac;  // inner, of the tunnel's links
  std::optional<MacAddress> far_mac;
  std::optional<std::uint32_t> outer_size;  // of the requests
};

// What contradicts "each request and each answer is there once, inside one UDP datagram to the tunnel's port, which is
// no fragment, from tunnel end to tunnel end, with that TTL, of that size".
std::vector<std::string> outer_findings(const std::vector<UnderlayPacket>& packets, const EchoReport& echoes,
                                        const Encapsulation& want);
// What contradicts "its VXLAN header is as RFC 7348 has it, and names that network", and "what stands before the inner
// packet has that size".
std::vector<std::string> header_findings(const std::vector<UnderlayPacket>& packets, const EchoReport& echoes,
                                         const Encapsulation& want);
// What contradicts "what is inside is the container's own packet: its addresses, that TTL, and between the tunnel's
// links".
std::vector<std::string> inner_findings(const std::vector<UnderlayPacket>& packets, const EchoReport& echoes,
                                        const Encapsulation& want);
// What contradicts "what goes to that UDP port is for one of these", the tunnel's ends, and "something does".
std::vector<std::string> stray_findings(const std::vector<UnderlayPacket>& packets, std::uint16_t port,
                                        const std::vector<IpAddress>& ends, const std::string& place);
// What contradicts "nothing is there, outside of a tunnel, to or from an address of these subnets".
std::vector<std::string> bare_findings(const std::vector<UnderlayPacket>& packets, const std::vector<Prefix>& subnets,
                                       const std::string& place);

}  // namespace netns_lab
