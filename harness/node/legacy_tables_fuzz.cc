// Any bytes as a table of the old iptables: what it does, or that it is unknown, never a crash.
//
//   cmake --preset fuzz && cmake --build --preset fuzz --target node_legacy_tables_fuzz &&
//   build/fuzz/node_legacy_tables_fuzz -max_total_time=60
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "harness/node/legacy_tables.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netns_lab::node;
  LegacyEntries entries;
  constexpr std::size_t kHead = 2 + sizeof entries.begins + sizeof entries.policies;
  if (size < kHead) return 0;
  entries.is_ipv6 = (data[0] & 1U) != 0;
  entries.hooks = data[1];
  std::memcpy(entries.begins.data(), data + 2, sizeof entries.begins);
  std::memcpy(entries.policies.data(), data + 2 + sizeof entries.begins, sizeof entries.policies);
  entries.bytes.assign(reinterpret_cast<const char*>(data) + kHead, size - kHead);
  const auto table = decode_legacy_table(std::move(entries));
  if (table && to_string(packet_filter(*table)).empty()) __builtin_trap();
  return 0;
}
