#include "harness/protocol/frame.h"

#include <fmt/format.h>

namespace netns_lab::protocol {
namespace {

std::uint32_t big_endian_at(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8) | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

}  // namespace

Result<std::array<std::uint8_t, kFrameHeaderSize>> frame_header(std::size_t json_size, std::size_t raw_size) {
  if (json_size > kMaximumJson || raw_size > kMaximumRaw) {
    return tl::unexpected(Error::invalid(
        "send a frame",
        fmt::format("{} bytes of JSON and {} raw bytes; at most {} of each fit", json_size, raw_size, kMaximumJson),
        "ask for less at once"));
  }
  std::array<std::uint8_t, kFrameHeaderSize> header{};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto shift = 8 * (3 - i);
    header[i] = static_cast<std::uint8_t>(json_size >> shift);
    header[4 + i] = static_cast<std::uint8_t>(raw_size >> shift);
  }
  return header;
}

Result<std::string> encode(const Frame& frame) {
  NETNS_LAB_ASSIGN(const auto header, frame_header(frame.json.size(), frame.raw.size()));
  std::string bytes(header.begin(), header.end());
  bytes.reserve(bytes.size() + frame.json.size() + frame.raw.size());
  bytes += frame.json;
  bytes += frame.raw;
  return bytes;
}

void FrameDecoder::feed(std::string_view bytes) {
  if (broken_) return;
  if (consumed_ == buffer_.size()) {
    buffer_.clear();
    consumed_ = 0;
  } else if (consumed_ > buffer_.size() / 2) {  // moves each byte at most once on average
    buffer_.erase(0, consumed_);
    consumed_ = 0;
  }
  buffer_.append(bytes);
}

Result<std::optional<Frame>> FrameDecoder::next() {
  if (broken_) return tl::unexpected(*broken_);
  if (pending() < kFrameHeaderSize) return std::nullopt;
  const std::size_t json_size = big_endian_at(buffer_, consumed_);
  const std::size_t raw_size = big_endian_at(buffer_, consumed_ + 4);
  if (json_size > kMaximumJson || raw_size > kMaximumRaw) {
    broken_ = Error::internal(
        "read a frame",
        fmt::format("it announces {} bytes of JSON and {} raw bytes, at most {} are allowed; the stream "
                    "carries something that is not our protocol",
                    json_size, raw_size, kMaximumJson));
    buffer_.clear();
    consumed_ = 0;
    return tl::unexpected(*broken_);
  }
  if (pending() - kFrameHeaderSize < json_size + raw_size) return std::nullopt;
  const std::size_t json_at = consumed_ + kFrameHeaderSize;
  Frame frame = {.json = buffer_.substr(json_at, json_size), .raw = buffer_.substr(json_at + json_size, raw_size)};
  consumed_ = json_at + json_size + raw_size;
  return std::optional<Frame>(std::move(frame));
}

}  // namespace netns_lab::protocol
