// What goes around an operation in the JSON of a frame:
//
//   request  {"id": 7, "op": "lookup", "timeout_ms": 10000, "args": {…}}
//   answer   {"id": 7, "result": {…}}   or   {"id": 7, "error": {"kind": "system", "errno": 17, "attempted": …,
//   "detail": …, "remedy": …}}
//
// Parsing is total: any text gives an envelope or kInvalid/kInternal with the reason.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "harness/base/error.h"

namespace netns_lab::protocol {

inline constexpr std::chrono::milliseconds kLongestLimit = std::chrono::hours(24);

struct RequestEnvelope {
  std::uint64_t id = 0;
  std::string operation;
  std::chrono::milliseconds time_limit{0};  // relative, from when the node reads it; 1 ms .. kLongestLimit
  nlohmann::json arguments;
};
std::string to_text(const RequestEnvelope& request);
Result<RequestEnvelope> parse_request(std::string_view text);  // kInvalid

struct ReplyEnvelope {
  std::uint64_t id = 0;
  Result<nlohmann::json> result;
};
std::string to_text(const ReplyEnvelope& reply);
Result<ReplyEnvelope> parse_reply(std::string_view text);  // kInternal

}  // namespace netns_lab::protocol
