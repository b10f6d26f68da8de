// Whatever the bytes: they are refused, or what was read from them survives being packed again.
#include <cstdint>
#include <cstdlib>

#include "harness/protocol/packed_sysctls.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netns_lab;
  if (size == 0) return 0;
  Snapshot read;
  read.namespaces.resize(data[0] % 4);
  if ((data[0] & 4) != 0) read.pristine.emplace();
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (!protocol::put_sysctls(bytes, read)) return 0;
  Snapshot again = read;
  const std::string packed = protocol::take_sysctls(again);
  if (!protocol::put_sysctls(packed, again) || !(again == read)) std::abort();
  return 0;
}
