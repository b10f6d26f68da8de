// Any frame, with and without a link header.
#include "harness/probe/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netns_lab::probe;
  const Bytes bytes(data, size);
  static_cast<void>(parse_frame(LinkHeader::kEthernet, 0, bytes));
  static_cast<void>(parse_frame(LinkHeader::kNone, 0x0800, bytes));
  static_cast<void>(parse_frame(LinkHeader::kNone, 0x86DD, bytes));
  return 0;
}
