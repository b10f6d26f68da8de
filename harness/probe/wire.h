// Numbers in network byte order, read from and written to packets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace netns_lab::probe {

using Bytes = std::span<const std::uint8_t>;

// Both require at + size <= bytes.size(): the caller has looked.
inline std::uint16_t load16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
inline std::uint32_t load32(Bytes bytes, std::size_t at) {
  return static_cast<std::uint32_t>(load16(bytes, at)) << 16 | load16(bytes, at + 2);
}
inline void store16(std::span<std::uint8_t> bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

// What is left of `bytes` from `at`; nothing when it is shorter than that.
inline std::optional<Bytes> tail(Bytes bytes, std::size_t at) {
  if (at > bytes.size()) return std::nullopt;
  return bytes.subspan(at);
}

}  // namespace netns_lab::probe
