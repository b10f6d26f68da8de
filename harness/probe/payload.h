// Payload bytes that nobody can guess and no two requests share: random per probe, distinct per sequence number.
#pragma once

#include <cstdint>
#include <span>

#include "harness/probe/wire.h"

namespace netns_lab::probe {

class PayloadPattern {
 public:
  explicit PayloadPattern(std::uint64_t seed) : seed_(seed) {}
  // Fills `into` with the payload of request `sequence`. A shorter payload is the beginning of a longer one.
  void fill(std::uint32_t sequence, std::span<std::uint8_t> into) const;
  // Whether `payload` is, byte for byte, the payload of request `sequence` with the length `size`.
  bool matches(std::uint32_t sequence, std::uint32_t size, Bytes payload) const;

 private:
  std::uint64_t word(std::uint32_t sequence, std::uint64_t index) const;
  std::uint64_t seed_;
};

std::uint64_t random_seed();  // from the kernel's random pool

}  // namespace netns_lab::probe
