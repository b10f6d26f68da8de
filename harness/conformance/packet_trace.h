// What was sent, and all that was seen of it on its way there and back, whatever it was: echoes, datagrams, a stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/echo.h"
#include "harness/model/exchange.h"

namespace netns_lab {

struct PacketTrace {
  enum class Kind { kEcho, kUdp, kTcp };
  Kind kind = Kind::kEcho;
  IpAddress destination;
  std::optional<IpAddress> source;  // none: nothing could be sent, so that the kernel chose none
  std::uint32_t packet_size = 0;    // of the largest one, with its IP header; bytes
  std::uint32_t sent = 0;           // packets; of a stream 0: the kernel cuts it
  bool all_answered = false;
  bool any_answered = false;
  bool any_late = false;  // answered, but not in time
  int send_errno = 0;     // with which the sender's kernel refused; 0: it did not
  int open_errno = 0;     // the socket itself could not be made
  std::string open_text{};
  int listen_errno = 0;            // nothing could listen at the destination: nothing was sent
  std::string unserved_in{};       // where: ExchangeReport::unserved_in
  bool may_be_translated = false;  // EchoSpec::may_be_translated: another source on the way is no fault
  bool connection_refused = false;
  std::optional<std::uint8_t> handed_over_ttl{};  // of the first answer, as the sender's socket got it
  std::vector<IcmpProblem> problems{};            // of others, not of the sender's own kernel
  std::vector<Sighting> requests{};
  std::vector<Sighting> replies{};
  std::vector<Sighting> neighbours{};  // ARP and neighbour discovery about the two addresses
};

PacketTrace trace_of(const EchoReport& report);
PacketTrace trace_of(const ExchangeReport& report);

}  // namespace netns_lab
