#include "harness/probe/payload.h"

#include <sys/random.h>

#include <chrono>
#include <cstring>

namespace netns_lab::probe {

std::uint64_t PayloadPattern::word(std::uint32_t sequence, std::uint64_t index) const {
  // The finaliser of splitmix64 over a counter: any word can be had without those before it.
  std::uint64_t value = seed_ + (static_cast<std::uint64_t>(sequence) << 32) + index * 0x9E3779B97F4A7C15ULL;
  value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ value >> 27) * 0x94D049BB133111EBULL;
  return value ^ value >> 31;
}

void PayloadPattern::fill(std::uint32_t sequence, std::span<std::uint8_t> into) const {
  std::uint64_t index = 0;
  for (; into.size() >= 8; into = into.subspan(8), ++index) {
    const std::uint64_t value = word(sequence, index);
    std::memcpy(into.data(), &value, sizeof value);
  }
  if (into.empty()) return;
  const std::uint64_t last = word(sequence, index);
  std::memcpy(into.data(), &last, into.size());
}

bool PayloadPattern::matches(std::uint32_t sequence, std::uint32_t size, Bytes payload) const {
  if (payload.size() != size) return false;
  std::uint64_t index = 0;
  for (; payload.size() >= 8; payload = payload.subspan(8), ++index) {
    std::uint64_t received = 0;
    std::memcpy(&received, payload.data(), sizeof received);
    if (received != word(sequence, index)) return false;
  }
  if (payload.empty()) return true;
  const std::uint64_t last = word(sequence, index);
  return std::memcmp(payload.data(), &last, payload.size()) == 0;
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, GRND_NONBLOCK) != static_cast<ssize_t>(sizeof seed)) {
    seed = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());  // early boot only
  }
  return seed;
}

}  // namespace netns_lab::probe
