// Hostile JSON: whatever the bytes, reading ends with a value or an error; and a value that was read stays the same
// through text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "harness/model/json.h"
#include "harness/model/json_support.h"
#include "harness/model/samples.h"

namespace netns_lab {
namespace {

template <typename T>
void read_and_write(const nlohmann::json& json) {
  const Result<T> value = json_to<T>(json);
  if (!value) return;
  const Result<nlohmann::json> again = parse_json(dump_json(json_support::encode(*value)));
  if (!again) std::abort();
  const Result<T> back = json_to<T>(*again);
  if (!back || !(*back == *value)) std::abort();
}

std::vector<std::string> sample_texts() {
  std::vector<std::string> texts{dump_json(json_support::encode(samples::snapshot())),
                                 dump_json(json_support::encode(samples::echo_report())),
                                 dump_json(json_support::encode(samples::exchange_report()))};
  for (const Change& change : samples::changes()) texts.push_back(dump_json(json_support::encode(change)));
  for (const RunEvent& event : samples::run()) texts.push_back(dump_json(json_support::encode(event)));
  return texts;
}

// No JSON starts with a byte above 0x7F: such input picks a good text and overwrites bytes of it, by (place, byte) in
// threes, so that the fuzzer need not invent whole structs.
std::string damaged_sample(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> kSamples = sample_texts();
  std::string text = kSamples[(data[0] & 0x7FU) % kSamples.size()];
  for (std::size_t i = 1; i + 2 < size; i += 3) {
    text[(data[i] * 256U + data[i + 1]) % text.size()] = static_cast<char>(data[i + 2]);
  }
  return text;
}

}  // namespace
}  // namespace netns_lab

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netns_lab;
  const bool damage = size > 0 && data[0] >= 0x80;
  const std::string text = damage ? damaged_sample(data, size) : std::string(reinterpret_cast<const char*>(data), size);
  const Result<nlohmann::json> json = parse_json(text);
  if (!json) return 0;
  (void)dump_json(*json, 100);
  read_and_write<Snapshot>(*json);
  read_and_write<Change>(*json);
  read_and_write<RunEvent>(*json);
  read_and_write<EchoReport>(*json);
  read_and_write<ExchangeReport>(*json);
  read_and_write<RouteAnswer>(*json);
  read_and_write<Topology>(*json);
  read_and_write<Error>(*json);
  return 0;
}
