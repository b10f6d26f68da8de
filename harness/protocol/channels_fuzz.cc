// The decoder is total: whatever the bytes and however they are cut, it gives frames within bounds, the same ones,
// which are what they were made from.
#include <cstdlib>
#include <vector>

#include "harness/protocol/channels.h"

namespace {

using netns_lab::protocol::ChannelDecoder;
using netns_lab::protocol::ChannelFrame;

// Frames found when `bytes` come in pieces of `step`; `broken` tells whether the stream ended in an error.
struct Found {
  std::vector<ChannelFrame> frames;
  bool broken = false;
  bool operator==(const Found&) const = default;
};

Found decode(std::string_view bytes, std::size_t step) {
  Found found;
  ChannelDecoder decoder;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    decoder.feed(bytes.substr(at, step));
    while (true) {
      auto frame = decoder.next();
      if (!frame) {
        found.broken = true;
        return found;
      }
      if (!*frame) break;
      found.frames.push_back(std::move(**frame));
    }
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Found whole = decode(bytes, size + 1);
  if (!(decode(bytes, 1) == whole)) std::abort();
  if (!(decode(bytes, 7) == whole)) std::abort();
  std::string again;
  for (const ChannelFrame& frame : whole.frames) again += encode(frame);
  if (again != bytes.substr(0, again.size())) std::abort();
  return 0;
}
