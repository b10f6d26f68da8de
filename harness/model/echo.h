// ICMP echo: what to send, and everything that was seen of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/address.h"

namespace netns_lab {

struct EchoSpec {
  std::string network_namespace;  // where it is sent from; "" the node's own
  IpAddress destination;
  std::optional<IpAddress> source;            // none: the kernel chooses
  std::string link;                           // bind to this interface; "" none. Needed for link-local destinations
  std::uint32_t count = 3;                    // 1..65,535
  std::chrono::microseconds interval{2'000};  // between requests of one destination; 0: as fast as `window` allows
  std::uint32_t window = 64;                  // most unanswered requests in flight
  std::uint32_t payload_size = 56;            // bytes after the ICMP header, 0..65,507
  bool dont_fragment = false;
  std::optional<std::uint8_t> ttl;              // hop limit in IPv6; none: the kernel's default (64)
  std::chrono::milliseconds reply_wait{1'000};  // after the last request
  std::vector<std::string> watch;               // namespaces in which sightings are captured while it runs
  // Of the first of a probe's echoes, 1..65,535: the others of the probe have those that follow. None: by chance.
  std::optional<std::uint16_t> identifier{};
  // A node on its way may give it another source and identifier (RFC 3022, 2.2): then it is known by its payload, of 8
  // bytes or more, wherever it is captured. Without it, a packet with another identifier is none of the probe's.
  bool may_be_translated = false;
  bool operator==(const EchoSpec&) const = default;
};

struct EchoReply {
  IpAddress source;
  std::string arrival_link;
  std::uint8_t ttl = 0;
  std::chrono::nanoseconds round_trip{0};  // kernel transmit stamp to kernel receive stamp
  bool payload_intact = false;
  std::uint32_t payload_size = 0;
  bool operator==(const EchoReply&) const = default;
};

// An ICMP error about one of our requests (RFC 792, RFC 4443): `from` says that `about` could not be delivered.
struct IcmpProblem {
  IpAddress from;
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t mtu = 0;  // of "fragmentation needed" / "packet too big", else 0
  IpAddress about_destination;
  bool local = false;  // raised by our own kernel (error queue), not received
  bool operator==(const IcmpProblem&) const = default;
};
std::string to_string(
    const IcmpProblem& problem);  // "10.0.0.1 says: destination host unreachable, about our packet to 10.9.9.9"

struct Echo {
  std::uint16_t sequence = 0;
  int send_errno = 0;              // 0: sent; else the kernel refused it (EMSGSIZE, ENETUNREACH, …)
  std::optional<EchoReply> reply;  // the first one
  std::uint32_t duplicates = 0;    // further replies
  bool late = false;  // the reply came after reply_wait of its own request, but before the end of the probe
  // The reply came after reply_wait, and what it took beyond that the machine was busy: not late (EchoReport::starved).
  bool slow = false;
  std::vector<IcmpProblem> problems;
  bool answered() const { return reply.has_value() && !late; }
  bool operator==(const Echo&) const = default;
};

enum class SightingKind : std::uint8_t { kRequest, kReply, kProblem, kArp, kNeighbourDiscovery, kUdp, kTcp, kOther };
std::string to_string(SightingKind kind);
enum class PacketDirection : std::uint8_t { kReceived, kSent };
std::string to_string(PacketDirection direction);  // "received", "sent"

// One packet of the probe, seen on one interface by a packet socket there. Fragments are put together first.
struct Sighting {
  std::string network_namespace;
  std::string link;
  PacketDirection direction = PacketDirection::kReceived;
  SightingKind kind = SightingKind::kOther;
  MacAddress link_source;
  MacAddress link_destination;
  IpAddress source;       // ARP: the sender's; neighbour advertisement: the address it speaks for
  IpAddress destination;  // ARP: the target's; neighbour solicitation: the address it asks for
  std::uint8_t ttl = 0;
  std::uint16_t identifier =
      0;  // ICMP echo; UDP and TCP: source port; ARP: operation (1 request, 2 reply); neighbour discovery: ICMPv6 type
  std::uint16_t sequence = 0;  // ICMP echo; UDP and TCP: destination port
  MacAddress
      advertised;  // ARP: the sender's hardware address it tells; neighbour discovery: its link-layer address option
  std::uint32_t payload_size = 0;
  bool payload_intact = false;       // byte for byte what was sent (echo, UDP)
  std::uint32_t fragments = 1;       // how many pieces it came in
  std::chrono::nanoseconds time{0};  // kernel stamp, CLOCK_REALTIME since the epoch
  // The sender's own identifier, or port, where a node on the way gave the packet another (EchoSpec and
  // ExchangeSpec::may_be_translated).
  std::optional<std::uint16_t> sent_as{};

  // Of an echo: whose it is (EchoReport::identifier).
  std::uint16_t own_identifier() const { return sent_as.value_or(identifier); }
  bool operator==(const Sighting&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Sighting& sighting);

struct EchoReport {
  EchoSpec spec;
  std::uint16_t identifier = 0;
  std::uint64_t payload_seed = 0;     // of what was sent: another node can tell by it what arrived there intact
  std::optional<IpAddress> source;    // the address the kernel chose or was given
  std::vector<Echo> echoes;           // one per request, in order
  std::vector<Sighting> sightings;    // in order of time
  std::uint32_t foreign_replies = 0;  // replies with our identifier that match no request of ours
  std::uint64_t capture_drops = 0;    // packets the kernel could not give to a capture: "cannot tell", hence an error
  int open_errno = 0;  // the socket itself could not be made or bound for a reason that lies in the subject (no such
                       // link or address)
  std::string open_text;
  // How long, in all, this machine did not let the probe run though it wanted to: it then waits that much longer.
  std::chrono::nanoseconds starved{0};

  std::uint32_t answered() const;  // echoes answered in time
  std::vector<Sighting> seen(const std::string& network_namespace, const std::string& link, SightingKind kind) const;
  bool operator==(const EchoReport&) const = default;
};
std::ostream& operator<<(std::ostream& out, const EchoReport& report);  // a few lines for people

}  // namespace netns_lab
