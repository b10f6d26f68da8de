// UDP and TCP echo between two namespaces: what to send, and what was seen of it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/address.h"
#include "harness/model/echo.h"

namespace netns_lab {

enum class Transport : std::uint8_t { kUdp, kTcp };
std::string to_string(Transport transport);

// An echo server: it answers every datagram or byte with the same bytes. Opened with `serve`, gone with its handle.
struct ServeSpec {
  std::string network_namespace;
  Transport transport = Transport::kUdp;
  IpAddress address;
  std::uint16_t port = 0;  // 0: the kernel chooses
  // Only whom the server's socket knows by this address is answered: what a node makes of a source when it takes a
  // packet in, no capture shows.
  std::optional<IpAddress> only_from{};
  bool operator==(const ServeSpec&) const = default;
};

struct ExchangeSpec {
  std::string network_namespace;  // where the client is
  Transport transport = Transport::kUdp;
  IpAddress destination;
  std::uint16_t port = 0;
  std::optional<IpAddress> source;
  std::uint32_t payload_size = 512;  // bytes; UDP: of each datagram, at most 65,507; TCP: of the whole stream
  std::uint32_t count = 3;           // datagrams; TCP: ignored
  std::chrono::milliseconds reply_wait{1'000};
  std::vector<std::string> watch;  // namespaces in which sightings are captured
  std::uint16_t source_port = 0;   // 0: the kernel chooses
  // A node on the way may give the client another address and port (RFC 3022, 2.2): then what is to and from the
  // server's address and port is the exchange's. Without it, a packet with another port of the client's is not.
  bool may_be_translated = false;
  bool operator==(const ExchangeSpec&) const = default;
};

struct ExchangeReport {
  ExchangeSpec spec;
  int system_errno = 0;  // what the kernel said to connect or send (ECONNREFUSED, ENETUNREACH, ETIMEDOUT …); 0: nothing
  std::uint32_t sent = 0;          // datagrams; TCP: bytes
  std::uint32_t answered = 0;      // datagrams; TCP: bytes
  std::uint64_t payload_seed = 0;  // as EchoReport::payload_seed
  bool payload_intact = false;     // everything that came back is byte for byte what was sent
  std::optional<IpAddress> source;
  std::uint16_t source_port = 0;
  std::vector<Sighting> sightings;
  std::uint64_t capture_drops = 0;
  std::chrono::nanoseconds starved{0};  // as EchoReport::starved
  // Where nothing could listen at the destination ("netns1", "the node"), so that nothing was sent: system_errno is of
  // that. "": something did.
  std::string unserved_in{};
  bool operator==(const ExchangeReport&) const = default;
};
std::ostream& operator<<(std::ostream& out, const ExchangeReport& report);

// How long each of many exchanges is waited for. Where three of a transport had their full time and nothing came back,
// that is decided, and is told of them; the others of that transport have 200 ms each, so that a network that drops
// everything is told in seconds. What a spec itself asks for is never exceeded.
class Patience {
 public:
  std::chrono::milliseconds wait_of(const ExchangeSpec& spec) const;
  void note(const ExchangeReport& report);

 private:
  std::array<int, 2> silent_{};  // by transport
};

}  // namespace netns_lab
