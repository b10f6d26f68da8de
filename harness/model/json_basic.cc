// Errors and addresses.
#include "harness/model/json.h"
#include "harness/model/json_support.h"

namespace netns_lab {
namespace {

template <typename T>
T parse_or_fail(const nlohmann::json& in) {
  Result<T> parsed = T::parse(json_support::string_of(in));
  if (!parsed) json_support::fail(parsed.error().message());
  return *std::move(parsed);
}

std::string to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kSystem:
      return "system";
    case ErrorKind::kInvalid:
      return "invalid";
    case ErrorKind::kMissing:
      return "missing";
    case ErrorKind::kTaken:
      return "taken";
    case ErrorKind::kTimeout:
      return "timeout";
    case ErrorKind::kLost:
      return "lost";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace

void to_json(nlohmann::json& out, const ErrorKind& value) { out = to_string(value); }
void from_json(const nlohmann::json& in, ErrorKind& value) {
  static constexpr ErrorKind kKnown[] = {ErrorKind::kSystem,    ErrorKind::kInvalid, ErrorKind::kMissing,
                                         ErrorKind::kTaken,     ErrorKind::kTimeout, ErrorKind::kLost,
                                         ErrorKind::kCancelled, ErrorKind::kInternal};
  const std::string& text = json_support::string_of(in);
  for (const ErrorKind kind : kKnown) {
    if (to_string(kind) == text) {
      value = kind;
      return;
    }
  }
  json_support::fail_expected("a kind of error", in);
}
NETNS_LAB_JSON(Error, kind, system_errno, attempted, detail, remedy);

NETNS_LAB_JSON_ENUM(Family, Family::kIpv4, Family::kIpv6);
void to_json(nlohmann::json& out, const IpAddress& value) { out = value.to_string(); }
void from_json(const nlohmann::json& in, IpAddress& value) { value = parse_or_fail<IpAddress>(in); }
void to_json(nlohmann::json& out, const Prefix& value) { out = value.to_string(); }
void from_json(const nlohmann::json& in, Prefix& value) { value = parse_or_fail<Prefix>(in); }
void to_json(nlohmann::json& out, const MacAddress& value) { out = value.to_string(); }
void from_json(const nlohmann::json& in, MacAddress& value) { value = parse_or_fail<MacAddress>(in); }

}  // namespace netns_lab
