// JSON for plain structs: one line each, strict when read.
//
//   NETNS_LAB_JSON(NextHop, link_index, link, gateway, weight, flags)                   // in a .cc, in the type's own
//   namespace NETNS_LAB_JSON_ENUM(Family, Family::kIpv4, Family::kIpv6)                           // by what
//   to_string(Family) says NETNS_LAB_JSON_VARIANT(Change, "change", "create-namespace", "delete-namespace", …) // names
//   in the variant's order
//
// Every field must be there and have the right type and range; unknown keys are ignored. Whatever is wrong is thrown as
// nlohmann::json::exception with the path to it ("Link.mtu: expected a number from 0 to 4294967295, got \"big\""),
// nothing else is. optional -> null, duration -> its count, under a key that ends in the unit ("interval_us"),
// map<string, T> -> object, map<integer, T> -> object with decimal keys. Strings that are not UTF-8 have their broken
// bytes made visible as \xNN: JSON cannot hold them.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/json.h"

namespace netns_lab::json_support {

using Json = nlohmann::json;

[[noreturn]] void fail(const std::string& text);                         // throws nlohmann::json::other_error
[[noreturn]] void fail_expected(const char* expected, const Json& got);  // "expected X, got Y"
[[noreturn]] void fail_in(const char* type, const char* field, const Json::exception& why);
[[noreturn]] void fail_range(std::int64_t least, std::uint64_t most, const Json& got);
Error read_error(const Json::exception& why);  // kInvalid, without nlohmann's own prefix
std::string valid_utf8(const std::string& bytes);
const Json& member(const Json& object, const char* key);
Json number_of(const std::string& text);         // of decimal text that is nothing but a number, else throws
const std::string& string_of(const Json& json);  // throws unless it is a string

template <typename T>
struct Codec {  // a struct, enum or variant with to_json and from_json of its own
  static Json encode(const T& value) { return Json(value); }
  static T decode(const Json& json) { return json.get<T>(); }
};

template <typename T>
Json encode(const T& value) {
  return Codec<T>::encode(value);
}
template <typename T>
T decode(const Json& json) {
  return Codec<T>::decode(json);
}

template <>
struct Codec<bool> {
  static Json encode(bool value) { return value; }
  static bool decode(const Json& json) {
    if (!json.is_boolean()) fail_expected("true or false", json);
    return json.get<bool>();
  }
};

template <typename T>
requires std::is_integral_v<T>
struct Codec<T> {
  static Json encode(T value) { return value; }
  static T decode(const Json& json) {
    using Limits = std::numeric_limits<T>;
    constexpr auto kMost = static_cast<std::uint64_t>(Limits::max());
    if (json.is_number_unsigned()) {
      const auto number = json.get<std::uint64_t>();
      if (number <= kMost) return static_cast<T>(number);
    } else if (json.is_number_integer()) {
      const auto number = json.get<std::int64_t>();
      if (number >= 0 && static_cast<std::uint64_t>(number) <= kMost) return static_cast<T>(number);
      if (number < 0 && std::is_signed_v<T> && number >= static_cast<std::int64_t>(Limits::min())) {
        return static_cast<T>(number);
      }
    }
    fail_range(static_cast<std::int64_t>(Limits::min()), kMost, json);
  }
};

template <>
struct Codec<std::string> {
  static Json encode(const std::string& value) { return valid_utf8(value); }
  static std::string decode(const Json& json) { return string_of(json); }
};

template <typename T>
struct Codec<std::optional<T>> {
  static Json encode(const std::optional<T>& value) { return value ? Codec<T>::encode(*value) : Json(nullptr); }
  static std::optional<T> decode(const Json& json) {
    if (json.is_null()) return std::nullopt;
    return Codec<T>::decode(json);
  }
};

template <typename Rep, typename Period>
struct Codec<std::chrono::duration<Rep, Period>> {
  static Json encode(std::chrono::duration<Rep, Period> value) { return Codec<Rep>::encode(value.count()); }
  static std::chrono::duration<Rep, Period> decode(const Json& json) {
    return std::chrono::duration<Rep, Period>(Codec<Rep>::decode(json));
  }
};

template <typename T>
struct Codec<std::vector<T>> {
  static Json encode(const std::vector<T>& values) {
    Json::array_t array;
    array.reserve(values.size());
    for (const T& value : values) array.push_back(Codec<T>::encode(value));
    return array;
  }
  static std::vector<T> decode(const Json& json) {
    if (!json.is_array()) fail_expected("an array", json);
    std::vector<T> values;
    values.reserve(json.size());
    for (const Json& element : json) values.push_back(Codec<T>::decode(element));
    return values;
  }
};

template <typename T>
struct Codec<std::map<std::string, T>> {
  static Json encode(const std::map<std::string, T>& values) {
    Json object = Json::object();
    for (const auto& [key, value] : values) object[valid_utf8(key)] = Codec<T>::encode(value);
    return object;
  }
  static std::map<std::string, T> decode(const Json& json) {
    if (!json.is_object()) fail_expected("an object", json);
    std::map<std::string, T> values;
    for (const auto& [key, value] : json.items()) values.emplace(key, Codec<T>::decode(value));
    return values;
  }
};

template <typename Key, typename T>
requires std::is_integral_v<Key>
struct Codec<std::map<Key, T>> {
  static Json encode(const std::map<Key, T>& values) {
    Json object = Json::object();
    for (const auto& [key, value] : values) object[std::to_string(key)] = Codec<T>::encode(value);
    return object;
  }
  static std::map<Key, T> decode(const Json& json) {
    if (!json.is_object()) fail_expected("an object", json);
    std::map<Key, T> values;
    for (const auto& [key, value] : json.items()) {
      values.emplace(Codec<Key>::decode(number_of(key)), Codec<T>::decode(value));
    }
    return values;
  }
};

// What the key of a field of type T ends in: a number of nanoseconds must not pass for one of seconds.
template <typename T>
inline constexpr const char* kUnit = "";
template <>
inline constexpr const char* kUnit<std::chrono::nanoseconds> = "_ns";
template <>
inline constexpr const char* kUnit<std::chrono::microseconds> = "_us";
template <>
inline constexpr const char* kUnit<std::chrono::milliseconds> = "_ms";
template <>
inline constexpr const char* kUnit<std::chrono::seconds> = "_s";
template <typename T>
inline constexpr const char* kUnit<std::optional<T>> = kUnit<T>;

// Costs nothing for the many fields that have no unit.
template <typename T, typename Use>
decltype(auto) with_key_of(const char* field, Use use) {
  if constexpr (kUnit<T>[0] == '\0') {
    return use(field);
  } else {
    return use((std::string(field) + kUnit<T>).c_str());
  }
}

template <typename T>
T decode_member(const Json& object, const char* type, const char* field) {
  return with_key_of<T>(field, [&](const char* key) {
    try {
      return decode<T>(member(object, key));
    } catch (const Json::exception& why) {
      fail_in(type, key, why);
    }
  });
}

template <typename T>
void encode_member(Json& object, const char* field, const T& value) {
  with_key_of<T>(field, [&](const char* key) { object[key] = encode(value); });
}

// An enumerator by its name; `open` enumerations come from the kernel, which may know more than we do: those travel as
// decimal text.
template <typename Enum, std::size_t N>
Enum decode_enum(const Json& json, const Enum (&known)[N], bool open) {
  const std::string& text = string_of(json);
  std::string names;
  for (const Enum candidate : known) {
    const std::string name = to_string(candidate);
    if (name == text) return candidate;
    names += (names.empty() ? "" : ", ") + name;
  }
  if (open && text.find_first_not_of("0123456789") == std::string::npos) {
    return static_cast<Enum>(Codec<std::underlying_type_t<Enum>>::decode(number_of(text)));
  }
  fail_expected(("one of " + names).c_str(), json);
}

template <typename Variant, std::size_t... I>
Variant decode_alternative(std::size_t index, const Json& json, std::index_sequence<I...>) {
  Variant value;
  ((I == index ? static_cast<void>(value.template emplace<I>(decode<std::variant_alternative_t<I, Variant>>(json)))
               : static_cast<void>(0)),
   ...);
  return value;
}

template <typename Variant, std::size_t N>
Json encode_variant(const Variant& value, const char* tag, const char* const (&names)[N]) {
  static_assert(N == std::variant_size_v<Variant>, "one name for each alternative");
  Json json = std::visit([](const auto& one) { return encode(one); }, value);
  json[tag] = names[value.index()];
  return json;
}

template <typename Variant, std::size_t N>
Variant decode_variant(const Json& json, const char* tag, const char* const (&names)[N]) {
  static_assert(N == std::variant_size_v<Variant>, "one name for each alternative");
  const std::string& name = string_of(member(json, tag));
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) return decode_alternative<Variant>(i, json, std::make_index_sequence<N>());
  }
  fail_expected(tag, name);
}

}  // namespace netns_lab::json_support

namespace netns_lab {

// A value from JSON that somebody else wrote; kInvalid says what is wrong and where.
template <typename T>
Result<T> json_to(const nlohmann::json& json) {
  try {
    return json_support::decode<T>(json);
  } catch (const nlohmann::json::exception& why) {
    return tl::unexpected(json_support::read_error(why));
  }
}

}  // namespace netns_lab

namespace nlohmann {

// So that json and get<> know them at the top level too.
template <typename T>
struct adl_serializer<std::optional<T>> {
  static void to_json(json& out, const std::optional<T>& value) { out = netns_lab::json_support::encode(value); }
  static void from_json(const json& in, std::optional<T>& value) {
    value = netns_lab::json_support::decode<std::optional<T>>(in);
  }
};
template <typename Rep, typename Period>
struct adl_serializer<std::chrono::duration<Rep, Period>> {
  static void to_json(json& out, const std::chrono::duration<Rep, Period>& value) { out = value.count(); }
  static void from_json(const json& in, std::chrono::duration<Rep, Period>& value) {
    value = netns_lab::json_support::decode<std::chrono::duration<Rep, Period>>(in);
  }
};

}  // namespace nlohmann

#define NETNS_LAB_JSON_PUT(field) ::netns_lab::json_support::encode_member(out, #field, value.field);
#define NETNS_LAB_JSON_TAKE(field) \
  value.field =                    \
      ::netns_lab::json_support::decode_member<std::remove_reference_t<decltype(value.field)>>(in, kType, #field);

// At most 63 fields, and all of the struct's: a field that is left out does not compile.
#define NETNS_LAB_JSON(Type, ...)                                                         \
  [[maybe_unused]] static void json_names_every_field(const Type& netns_lab_json_whole) { \
    [[maybe_unused]] const auto& [__VA_ARGS__] = netns_lab_json_whole;                    \
  }                                                                                       \
  void to_json(nlohmann::json& out, const Type& value) {                                  \
    out = nlohmann::json::object();                                                       \
    NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(NETNS_LAB_JSON_PUT, __VA_ARGS__))            \
  }                                                                                       \
  void from_json(const nlohmann::json& in, Type& value) {                                 \
    static constexpr auto kType = #Type;                                                  \
    NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(NETNS_LAB_JSON_TAKE, __VA_ARGS__))           \
  }                                                                                       \
  static_assert(true, "so that a semicolon may follow")

// A struct without fields: {}.
#define NETNS_LAB_JSON_EMPTY(Type)                                                   \
  void to_json(nlohmann::json& out, const Type&) { out = nlohmann::json::object(); } \
  void from_json(const nlohmann::json& in, Type&) {                                  \
    if (!in.is_object()) ::netns_lab::json_support::fail_expected("an object", in);  \
  }                                                                                  \
  static_assert(true, "so that a semicolon may follow")

#define NETNS_LAB_JSON_ENUM_IMPL(Type, open, ...)                                  \
  void to_json(nlohmann::json& out, const Type& value) { out = to_string(value); } \
  void from_json(const nlohmann::json& in, Type& value) {                          \
    static constexpr Type kKnown[] = {__VA_ARGS__};                                \
    value = ::netns_lab::json_support::decode_enum(in, kKnown, open);              \
  }                                                                                \
  static_assert(true, "so that a semicolon may follow")
#define NETNS_LAB_JSON_ENUM(Type, ...) NETNS_LAB_JSON_ENUM_IMPL(Type, false, __VA_ARGS__)
#define NETNS_LAB_JSON_OPEN_ENUM(Type, ...) NETNS_LAB_JSON_ENUM_IMPL(Type, true, __VA_ARGS__)

#define NETNS_LAB_JSON_VARIANT(Type, tag, ...)                                        \
  static constexpr const char* k##Type##Names[] = {__VA_ARGS__};                      \
  void to_json(nlohmann::json& out, const Type& value) {                              \
    out = ::netns_lab::json_support::encode_variant(value, tag, k##Type##Names);      \
  }                                                                                   \
  void from_json(const nlohmann::json& in, Type& value) {                             \
    value = ::netns_lab::json_support::decode_variant<Type>(in, tag, k##Type##Names); \
  }                                                                                   \
  static_assert(true, "so that a semicolon may follow")
