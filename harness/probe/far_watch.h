// What passes this node of probes that another node sends: the receiver's own captures, for whoever asks from beyond.
//
//   NETNS_LAB_ASSIGN(const auto watch, FarWatch::open(factory, {"", "netns1"}, 0));
//   … the other node probes; its report tells the identifiers and the payloads' seeds …
//   NETNS_LAB_ASSIGN(const FarSightings seen, watch->take(probes));
//
// Nothing is drained in between: whoever probes sends no more at a time than queue_bytes() holds, and asks.
// Threading: one thread at a time. Captures keep namespaces alive: the watch goes before they are deleted.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/address.h"
#include "harness/model/echo.h"
#include "harness/probe/socket_factory.h"

namespace netns_lab::probe {

// A probe as its report describes it.
struct FarProbe {
  std::uint16_t identifier = 0;    // ICMP echo; UDP and TCP: the client's port
  std::uint64_t payload_seed = 0;  // EchoReport::payload_seed, ExchangeReport::payload_seed
  std::uint32_t payload_size = 0;  // bytes
  std::uint32_t count = 0;         // UDP: datagrams; else ignored
  // EchoSpec::may_be_translated: it is known by its payload, too. ExchangeSpec::may_be_translated: all that is to and
  // from the port of the watch at `destination` is its; so no other probe of that server is asked for beside it.
  bool may_be_translated = false;
  IpAddress destination{};
};

struct FarSightings {
  // Those of the probes, and all ARP and neighbour discovery, in order of time. A TCP segment's payload is not judged.
  std::vector<Sighting> sightings;
  std::uint64_t drops = 0;  // packets that could not be taken
};

class FarWatch {
 public:
  // `port`: whose UDP and TCP packets are taken, too (the server's); 0: none. A namespace that is not there is passed
  // over: nothing is seen in it then. Errors: kSystem.
  static Result<std::unique_ptr<FarWatch>> open(const SocketFactory& factory,
                                                const std::vector<std::string>& namespaces, std::uint16_t port);
  FarWatch(const FarWatch&) = delete;
  FarWatch& operator=(const FarWatch&) = delete;
  ~FarWatch();  // closing captures takes 8-16 ms

  // Of the smallest queue, as the kernel counts them (skb truesize).
  std::uint32_t queue_bytes() const;

  // What has passed since it was opened, or asked before; what belongs to no probe is forgotten. kSystem.
  Result<FarSightings> take(std::span<const FarProbe> probes);

 private:
  struct State;
  explicit FarWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace netns_lab::probe
