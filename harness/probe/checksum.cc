#include "harness/probe/checksum.h"

#include <bit>
#include <cstring>

namespace netns_lab::probe {

std::uint16_t internet_checksum(Bytes bytes) {
  // One's-complement sums may be taken in any byte order and any width (RFC 1071, section 2): 32-bit words of the
  // machine's order here.
  std::uint64_t sum = 0;
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    sum += word;
  }
  if (at < bytes.size()) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, bytes.size() - at);
    sum += word;
  }
  while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  auto folded = static_cast<std::uint16_t>(~sum);
  if constexpr (std::endian::native == std::endian::little) {
    folded = static_cast<std::uint16_t>(folded << 8 | folded >> 8);
  }
  return folded;
}

}  // namespace netns_lab::probe
