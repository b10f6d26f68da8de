// A stream of frames: one byte for the link, one for the length in units of 4, then the frame. Fragments of one packet
// meet others' here.
#include <algorithm>

#include "harness/probe/sighting_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netns_lab;
  using namespace netns_lab::probe;
  SightingReader reader;
  std::size_t bytes_seen = 0;
  const auto take = [&](const Seen& seen) { bytes_seen += seen.payload.size(); };
  while (size >= 2) {
    const std::size_t length = std::min<std::size_t>(std::size_t{data[1]} * 4, size - 2);
    CapturedFrame frame;
    frame.link_index = data[0] & 3;
    frame.direction = (data[0] & 4) != 0 ? PacketDirection::kSent : PacketDirection::kReceived;
    frame.header = (data[0] & 8) != 0 ? LinkHeader::kNone : LinkHeader::kEthernet;
    frame.ether_type = (data[0] & 16) != 0 ? 0x86DD : 0x0800;
    frame.bytes = Bytes(data + 2, length);
    reader.read(frame, take);
    data += 2 + length;
    size -= 2 + length;
  }
  reader.finish(take);
  return 0;
}
