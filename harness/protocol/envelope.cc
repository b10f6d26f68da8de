#include "harness/protocol/envelope.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/text.h"
#include "harness/model/json_support.h"

namespace netns_lab::protocol {
namespace {

using nlohmann::json;

// The member, or null when `object` has none of that type.
const json* member(const json& object, const char* name, json::value_t type) {
  const auto found = object.find(name);
  if (found == object.end()) return nullptr;
  const bool fits = found->type() == type || (type == json::value_t::number_unsigned && found->is_number_unsigned());
  return fits ? &*found : nullptr;
}

Error not_an_envelope(ErrorKind kind, std::string_view what, std::string_view text) {
  Error error = Error::invalid("read a " + std::string(what), "it is not one: " + visible(text, 200));
  error.kind = kind;
  return error;
}

}  // namespace

// Written around its content as text: a JSON object with the content as a member would hold a copy of all of it.
std::string to_text(const RequestEnvelope& request) {
  return fmt::format(R"({{"id":{},"op":{},"timeout_ms":{},"args":{}}})", request.id, dump_json(request.operation),
                     request.time_limit.count(), dump_json(request.arguments));
}

Result<RequestEnvelope> parse_request(std::string_view text) {
  const auto refuse = [&] { return tl::unexpected(not_an_envelope(ErrorKind::kInvalid, "request", text)); };
  NETNS_LAB_ASSIGN(json envelope, parse_json(text));
  if (!envelope.is_object()) return refuse();
  const json* id = member(envelope, "id", json::value_t::number_unsigned);
  const json* operation = member(envelope, "op", json::value_t::string);
  const json* limit = member(envelope, "timeout_ms", json::value_t::number_unsigned);
  const auto arguments = envelope.find("args");
  if (id == nullptr || operation == nullptr || limit == nullptr || arguments == envelope.end()) return refuse();
  const auto longest = static_cast<std::uint64_t>(kLongestLimit.count());
  const std::uint64_t milliseconds = std::clamp<std::uint64_t>(limit->get<std::uint64_t>(), 1, longest);
  return RequestEnvelope{.id = id->get<std::uint64_t>(),
                         .operation = operation->get<std::string>(),
                         .time_limit = std::chrono::milliseconds(milliseconds),
                         .arguments = std::move(*arguments)};
}

std::string to_text(const ReplyEnvelope& reply) {
  if (reply.result) return fmt::format(R"({{"id":{},"result":{}}})", reply.id, dump_json(*reply.result));
  return fmt::format(R"({{"id":{},"error":{}}})", reply.id, dump_json(reply.result.error()));
}

Result<ReplyEnvelope> parse_reply(std::string_view text) {
  const auto refuse = [&] { return tl::unexpected(not_an_envelope(ErrorKind::kInternal, "reply", text)); };
  auto parsed = parse_json(text);
  if (!parsed || !parsed->is_object()) return refuse();
  json envelope = *std::move(parsed);
  const json* id = member(envelope, "id", json::value_t::number_unsigned);
  if (id == nullptr) return refuse();
  const std::uint64_t number = id->get<std::uint64_t>();
  if (const auto result = envelope.find("result"); result != envelope.end()) {
    return ReplyEnvelope{.id = number, .result = std::move(*result)};
  }
  const json* object = member(envelope, "error", json::value_t::object);
  if (object == nullptr) return refuse();
  auto error = json_to<Error>(*object);
  if (!error) return refuse();
  return ReplyEnvelope{.id = number, .result = tl::unexpected(*std::move(error))};
}

}  // namespace netns_lab::protocol
