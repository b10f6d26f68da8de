// Any bytes as a capture of an underlay: packets or an error, never a crash. Every second input gets a pcap header, and
// the rest as one frame, so that headers are reached without being guessed.
//
//   cmake --preset fuzz && cmake --build --preset fuzz --target conformance_encapsulation_fuzz &&
//   build/fuzz/conformance_encapsulation_fuzz -max_total_time=60
#include <cstddef>
#include <cstdint>
#include <string>

#include "harness/conformance/encapsulation.h"

namespace {

std::string number(std::uint32_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

// The classic file header (draft-ietf-opsawg-pcap, 4), in this machine's byte order, and one record of it.
std::string one_frame(const std::string& frame) {
  const auto size = static_cast<std::uint32_t>(frame.size());
  return number(0xa1b2c3d4) + number(0x00040002) + number(0) + number(0) + number(65'535) + number(1) + number(0) +
         number(0) + number(size) + number(size) + frame;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const netns_lab::TunnelForm form{.port = 4789, .vxlan = (data[0] & 2) != 0};
  const auto packets = netns_lab::read_underlay((data[0] & 1) != 0 ? one_frame(rest) : rest, form);
  if (!packets && packets.error().message().empty()) __builtin_trap();  // an error says something
  return 0;
}
