// Puts the fragments of captured IP packets together (RFC 791 section 3.2, RFC 8200 section 4.5), with bounded memory.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "harness/model/address.h"
#include "harness/probe/ip_packet.h"

namespace netns_lab::probe {

// A packet that came in pieces.
struct Reassembled {
  std::vector<std::uint8_t> payload;  // of an incomplete one: what follows on from its beginning without a gap
  std::uint8_t protocol = 0;          // as its first fragment says
  std::uint8_t ttl = 0;               // of its first fragment
  std::uint32_t fragments = 0;
  bool complete = false;
};

class Reassembly {
 public:
  // Which pieces belong together. `place` tells interfaces and directions apart: a packet passes several.
  struct Key {
    std::uint64_t place = 0;
    IpAddress source;
    IpAddress destination;
    std::uint32_t identification = 0;
    auto operator<=>(const Key&) const = default;
  };

  explicit Reassembly(std::size_t most_bytes = std::size_t{8} << 20) : most_bytes_(most_bytes) {}

  // The whole packet, when this was its last missing piece. Where pieces overlap the first that came counts. Throws
  // away the oldest unfinished packets when there would be more than `most_bytes` of them.
  std::optional<Reassembled> add(std::uint64_t place, const IpPacket& fragment);

  // What never became whole, in order of arrival, with the key; then it is empty.
  std::vector<std::pair<Key, Reassembled>> take_unfinished();

 private:
  struct Pieces {
    std::uint64_t age = 0;
    std::map<std::uint32_t, std::vector<std::uint8_t>> by_offset;
    std::optional<std::uint32_t> total;
    std::uint8_t protocol = 0;
    std::uint8_t ttl = 0;
    std::uint32_t fragments = 0;
    std::size_t bytes = 0;
    std::size_t cost = 0;  // bytes and what holding them takes
  };
  static Reassembled join(const Pieces& pieces);
  void forget_oldest();

  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t age_ = 0;
  std::map<Key, Pieces> unfinished_;
};

}  // namespace netns_lab::probe
