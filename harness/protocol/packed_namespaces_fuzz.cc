// Whatever the bytes: they are refused, or what was read from them survives being packed again.
#include <cstdint>
#include <cstdlib>

#include "harness/protocol/packed_namespaces.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netns_lab;
  Snapshot read;
  if (!protocol::put_namespaces({reinterpret_cast<const char*>(data), size}, read)) return 0;
  // Text that is not UTF-8 is made so, once.
  Snapshot once = read;
  if (!protocol::put_namespaces(protocol::take_namespaces(once), once)) std::abort();
  Snapshot twice = once;
  if (!protocol::put_namespaces(protocol::take_namespaces(twice), twice) || !(twice == once)) std::abort();
  return 0;
}
