// From captured frames to sightings: fragments put together, ICMP, ARP, neighbour discovery, UDP and TCP recognised. It
// does not know whose probe a packet belongs to; whoever asks compares identifiers, ports, addresses and payloads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "harness/model/echo.h"
#include "harness/probe/capture.h"
#include "harness/probe/icmp.h"
#include "harness/probe/reassembly.h"

namespace netns_lab::probe {

struct Seen {
  Sighting sighting;  // without namespace, link and payload_intact
  int link_index = 0;
  Bytes payload;                   // of an echo, UDP, TCP; valid during the call only
  bool complete = true;            // false: fragments are missing, the payload is what there is
  std::optional<IcmpQuote> quote;  // of a problem
};

class SightingReader {
 public:
  using Take = std::function<void(const Seen&)>;
  void read(const CapturedFrame& frame, const Take& take);
  // Hands over packets of which fragments never came, then forgets them.
  void finish(const Take& take);

 private:
  void read_ip(const CapturedFrame& frame, const Frame& parsed, const Take& take);

  Reassembly reassembly_;
  std::map<Reassembly::Key, Seen> first_seen_;
};

}  // namespace netns_lab::probe
