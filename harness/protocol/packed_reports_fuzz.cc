// Whatever the bytes: they are refused, or what was read from them survives being packed again.
#include <cstdint>
#include <cstdlib>

#include "harness/protocol/packed_reports.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netns_lab;
  protocol::ProbeReply read;
  if (!protocol::put_reports({reinterpret_cast<const char*>(data), size}, read)) return 0;
  // Text that is not UTF-8 is made so, once.
  if (!protocol::put_reports(protocol::take_reports(read), read)) std::abort();
  protocol::ProbeReply twice = read;
  if (!protocol::put_reports(protocol::take_reports(twice), twice) || !(twice == read)) std::abort();
  return 0;
}
