// Frames on the byte stream between tester and node: two lengths (big-endian), the JSON, and raw bytes behind it.
//
//   +----------------+----------------+----------------------+--------------------+
//   | JSON length: 4 | raw length: 4  | JSON (UTF-8)         | raw bytes          |
//   +----------------+----------------+----------------------+--------------------+
//
//   FrameDecoder decoder;
//   decoder.feed(bytes_from_the_stream);
//   NETNS_LAB_ASSIGN(std::optional<Frame> frame, decoder.next());   // none: more bytes are needed
//
// The decoder is total: any bytes give frames, "not yet" or an error, and what it holds in memory is bounded by one
// frame and what was fed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/error.h"

namespace netns_lab::protocol {

inline constexpr std::size_t kFrameHeaderSize = 8;
inline constexpr std::size_t kMaximumJson = 16u << 20;  // bytes
inline constexpr std::size_t kMaximumRaw = 16u << 20;   // bytes

struct Frame {
  std::string json;
  std::string raw;
  bool operator==(const Frame&) const = default;
};

// The 8 bytes that go before. kInvalid when either part is longer than its bound.
Result<std::array<std::uint8_t, kFrameHeaderSize>> frame_header(std::size_t json_size, std::size_t raw_size);
// A whole frame as bytes, for where one string is handier than three pieces.
Result<std::string> encode(const Frame& frame);

class FrameDecoder {
 public:
  void feed(std::string_view bytes);
  // The next whole frame; none while its last byte has not been fed. An error (kInternal: a length over its bound) is
  // final: it comes again at each call, because nothing after it can be understood.
  Result<std::optional<Frame>> next();
  // Bytes fed that belong to no whole frame yet: at the end of the stream, more than 0 means that it was cut in the
  // middle of a frame.
  std::size_t pending() const { return buffer_.size() - consumed_; }

 private:
  std::string buffer_;
  std::size_t consumed_ = 0;  // bytes at the front that were given out already
  std::optional<Error> broken_;
};

}  // namespace netns_lab::protocol
