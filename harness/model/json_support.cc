#include "harness/model/json_support.h"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

#include "harness/base/text.h"

namespace netns_lab {
namespace json_support {
namespace {

// nlohmann puts "[json.exception.…] " in front of its messages, which helps nobody.
std::string reason(const Json::exception& why) {
  const std::string_view text = why.what();
  const std::size_t end = text.starts_with('[') ? text.find("] ") : std::string_view::npos;
  return visible(end == std::string_view::npos ? text : text.substr(end + 2), 500);
}

}  // namespace

void fail(const std::string& text) {
#if NLOHMANN_JSON_VERSION_MAJOR > 3 || NLOHMANN_JSON_VERSION_MINOR >= 11
  throw Json::other_error::create(501, text, nullptr);
#else
  throw Json::other_error::create(501, text, Json());
#endif
}

void fail_expected(const char* expected, const Json& got) {
  fail(fmt::format("expected {}, got {}", expected, dump_json(got, 200)));
}

void fail_in(const char* type, const char* field, const Json::exception& why) {
  fail(fmt::format("{}.{}: {}", type, field, reason(why)));
}

Error read_error(const Json::exception& why) { return Error::invalid("read JSON", reason(why)); }

void fail_range(std::int64_t least, std::uint64_t most, const Json& got) {
  fail_expected(fmt::format("a number from {} to {}", least, most).c_str(), got);
}

std::string valid_utf8(const std::string& bytes) { return make_utf8(bytes); }

const Json& member(const Json& object, const char* key) {
  if (!object.is_object()) fail_expected("an object", object);
  const auto found = object.find(key);
  if (found == object.end()) fail(fmt::format("key '{}' is missing", key));
  return *found;
}

Json number_of(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) fail_expected("a decimal number", text);
  return number;
}

const std::string& string_of(const Json& json) {
  if (!json.is_string()) fail_expected("a string", json);
  return json.get_ref<const std::string&>();
}

}  // namespace json_support

std::string dump_json(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string dump_json(const nlohmann::json& json, std::size_t limit) { return visible(dump_json(json), limit); }

Result<nlohmann::json> parse_json(std::string_view text, unsigned depth_limit) {
  unsigned depth = 0;
  bool in_string = false;
  bool escaped = false;
  for (const char byte : text) {
    if (in_string) {
      if (escaped) {
        escaped = false;
      } else if (byte == '\\') {
        escaped = true;
      } else if (byte == '"') {
        in_string = false;
      }
    } else if (byte == '"') {
      in_string = true;
    } else if (byte == '{' || byte == '[') {
      if (++depth > depth_limit) {
        return tl::unexpected(Error::invalid("parse JSON", fmt::format("nested deeper than {} levels", depth_limit)));
      }
    } else if (byte == '}' || byte == ']') {
      if (depth > 0) --depth;
    }
  }
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& why) {
    return tl::unexpected(Error::invalid("parse JSON", visible(why.what(), 500)));
  }
}

}  // namespace netns_lab
