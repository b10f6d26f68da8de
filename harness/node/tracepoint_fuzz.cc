// Any bytes as a tracepoint's format and as records of perf_event_open: what they tell or an error, never a crash.
//
//   cmake --preset fuzz && cmake --build --preset fuzz --target node_tracepoint_fuzz &&
//   build/fuzz/node_tracepoint_fuzz -max_total_time=60
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/node/drop_trace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netns_lab::node;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\0'), size);
  const auto format = parse_tracepoint_format(text.substr(0, end));
  const std::span<const std::uint8_t> rest(data + end, size - end);
  const auto records = decode_perf_records(rest);
  if (!records && records.error().message().empty()) __builtin_trap();  // an error says something
  if (!format) return 0;
  // Whole, so that records are reached without their headers being guessed.
  std::vector<PerfSample> samples{{.process = 1, .time = 0, .record = {rest.begin(), rest.end()}}};
  if (records) samples.insert(samples.end(), records->samples.begin(), records->samples.end());
  const DropFormats formats{.dropped = *format, .consumed = {}, .sent = *format, .taken_in = *format};
  static_cast<void>(drops_of(samples, formats, 1, {.is_v4 = true, .length = 0}));
  for (const auto& [name, field] : format->fields) static_cast<void>(format->text(rest, name));
  return 0;
}
