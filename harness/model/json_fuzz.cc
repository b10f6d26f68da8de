// Hostile JSON: whatever the bytes, reading ends with a value or an error; and a value that was read stays the same
// through text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "harness/model/json.h"
#include "harness/model/json_support.h"

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

}  // namespace
}  // namespace netns_lab

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netns_lab;
  const Result<nlohmann::json> json = parse_json(std::string_view(reinterpret_cast<const char*>(data), size));
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
