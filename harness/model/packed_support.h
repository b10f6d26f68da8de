// Plain structs as bytes (packed.h): one line each, which is that of their JSON too.
//
//   NETNS_LAB_JSON_PACKED(NextHop, link_index, link, gateway, weight, flags);  // in a .cc, in the type's own namespace
//
// What is read may be any bytes: an Unpacker that met some it could not take has failed, and gives default values from
// then on. Each value is at least a byte, so that no count is believed that goes beyond what is there.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "harness/model/address.h"

namespace netns_lab::packed_support {

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}
  bool failed() const { return failed_; }
  std::string_view rest() const { return rest_; }
  void fail() { failed_ = true; }

  // So many bytes; none, and failed, when fewer are left.
  std::string_view take(std::size_t size) {
    if (failed_ || size > rest_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  template <typename Number>
  Number number() {
    static_assert(std::is_integral_v<Number>);
    const std::string_view bytes = take(sizeof(Number));
    Number value = 0;
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::size_t count() {
    const auto stated = number<std::uint32_t>();
    if (stated > rest_.size()) failed_ = true;
    return failed_ ? 0 : stated;
  }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

template <typename Number>
void put_number(std::string& out, Number value) {
  static_assert(std::is_integral_v<Number>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
inline void put_count(std::string& out, std::size_t count) { put_number(out, static_cast<std::uint32_t>(count)); }

void put_text(std::string& out, const std::string& text);  // made UTF-8

template <typename T>
struct Packing {  // a struct with a NETNS_LAB_JSON_PACKED line
  static void put(std::string& out, const T& value) { pack_fields(out, value); }
  static void take(Unpacker& in, T& value) { unpack_fields(in, value); }
};

template <typename... T>
void put_all(std::string& out, const T&... values) {
  (Packing<T>::put(out, values), ...);
}
template <typename... T>
void take_all(Unpacker& in, T&... values) {
  (Packing<T>::take(in, values), ...);
}

template <>
struct Packing<bool> {
  static void put(std::string& out, bool value) { put_number(out, static_cast<std::uint8_t>(value)); }
  static void take(Unpacker& in, bool& value) {
    const auto byte = in.number<std::uint8_t>();
    if (byte > 1) in.fail();
    value = byte == 1;
  }
};

template <typename T>
requires std::is_integral_v<T>
struct Packing<T> {
  static void put(std::string& out, T value) { put_number(out, value); }
  static void take(Unpacker& in, T& value) { value = in.number<T>(); }
};

// Of the kernel's enumerations: it may know more values than we do. (Of our own: Closed.)
template <typename T>
requires std::is_enum_v<T>
struct Packing<T> {
  static void put(std::string& out, T value) { put_number(out, static_cast<std::underlying_type_t<T>>(value)); }
  static void take(Unpacker& in, T& value) { value = static_cast<T>(in.number<std::underlying_type_t<T>>()); }
};

// Of an enumeration of ours that ends with kLast:
//   template <> struct packed_support::Packing<Colour> : packed_support::Closed<Colour, Colour::kBlue> {};
template <typename T, T kLast>
struct Closed {
  using Number = std::underlying_type_t<T>;
  static void put(std::string& out, T value) { put_number(out, static_cast<Number>(value)); }
  static void take(Unpacker& in, T& value) {
    const auto number = in.number<Number>();
    if (number > static_cast<Number>(kLast)) return in.fail();
    value = static_cast<T>(number);
  }
};

template <typename Rep, typename Period>
struct Packing<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;
  static void put(std::string& out, Duration value) { put_number(out, value.count()); }
  static void take(Unpacker& in, Duration& value) { value = Duration(in.number<Rep>()); }
};

template <>
struct Packing<Family> {
  static void put(std::string& out, Family value) { put_number(out, static_cast<std::uint8_t>(value)); }
  static void take(Unpacker& in, Family& value) {
    value = static_cast<Family>(in.number<std::uint8_t>());
    if (value == Family::kIpv4 || value == Family::kIpv6) return;
    in.fail();
    value = Family::kIpv4;
  }
};

inline std::span<const std::uint8_t> octets_of(std::string_view bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

template <>
struct Packing<IpAddress> {
  static void put(std::string& out, const IpAddress& value) {
    put_all(out, value.family());
    out.append(reinterpret_cast<const char*>(value.bytes().data()), value.size());
  }
  static void take(Unpacker& in, IpAddress& value) {
    Family family = Family::kIpv4;
    take_all(in, family);
    const std::string_view bytes = in.take(IpAddress::unspecified(family).size());
    if (!in.failed()) value = IpAddress::from_bytes(octets_of(bytes));
  }
};

template <>
struct Packing<Prefix> {
  static void put(std::string& out, const Prefix& value) { put_all(out, value.address, value.length); }
  static void take(Unpacker& in, Prefix& value) {
    take_all(in, value.address, value.length);
    if (value.length <= value.address.bits()) return;
    in.fail();
    value.length = 0;
  }
};

template <>
struct Packing<MacAddress> {
  static void put(std::string& out, const MacAddress& value) {
    out.append(reinterpret_cast<const char*>(value.bytes().data()), value.bytes().size());
  }
  static void take(Unpacker& in, MacAddress& value) {
    std::array<std::uint8_t, 6> octets{};
    const std::string_view bytes = in.take(octets.size());
    if (!in.failed()) std::memcpy(octets.data(), bytes.data(), octets.size());
    value = MacAddress(octets);
  }
};

template <>
struct Packing<std::string> {
  static void put(std::string& out, const std::string& value) { put_text(out, value); }
  static void take(Unpacker& in, std::string& value) { value = in.take(in.count()); }
};

template <typename T>
struct Packing<std::optional<T>> {
  static void put(std::string& out, const std::optional<T>& value) {
    put_all(out, value.has_value());
    if (value) put_all(out, *value);
  }
  static void take(Unpacker& in, std::optional<T>& value) {
    bool is_there = false;
    take_all(in, is_there);
    value.reset();
    if (is_there) take_all(in, value.emplace());
  }
};

template <typename T>
struct Packing<std::vector<T>> {
  static void put(std::string& out, const std::vector<T>& values) {
    put_count(out, values.size());
    for (const T& value : values) put_all(out, value);
  }
  static void take(Unpacker& in, std::vector<T>& values) {
    constexpr std::size_t kBelieved = 64;  // of counts that nothing but the bytes to come can prove
    const std::size_t count = in.count();
    values.clear();
    values.reserve(count < kBelieved ? count : kBelieved);
    for (std::size_t i = 0; i < count && !in.failed(); ++i) take_all(in, values.emplace_back());
  }
};

template <typename T>
struct Packing<std::set<T>> {
  static void put(std::string& out, const std::set<T>& values) {
    put_count(out, values.size());
    for (const T& value : values) put_all(out, value);
  }
  static void take(Unpacker& in, std::set<T>& values) {
    values.clear();
    const std::size_t count = in.count();
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
      T value{};
      take_all(in, value);
      values.emplace_hint(values.end(), std::move(value));
    }
  }
};

template <typename Key, typename T>
struct Packing<std::map<Key, T>> {
  static void put(std::string& out, const std::map<Key, T>& values) {
    put_count(out, values.size());
    for (const auto& [key, value] : values) put_all(out, key, value);
  }
  static void take(Unpacker& in, std::map<Key, T>& values) {
    values.clear();
    const std::size_t count = in.count();
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
      Key key{};
      T value{};
      take_all(in, key, value);
      values.emplace_hint(values.end(), std::move(key), std::move(value));  // they come in order
    }
  }
};

template <typename... T>
struct Packing<std::variant<T...>> {
  using Variant = std::variant<T...>;
  static_assert(sizeof...(T) < 256);
  static void put(std::string& out, const Variant& value) {
    put_number(out, static_cast<std::uint8_t>(value.index()));
    std::visit([&out](const auto& one) { put_all(out, one); }, value);
  }
  static void take(Unpacker& in, Variant& value) {
    const auto index = in.number<std::uint8_t>();
    if (index >= sizeof...(T)) return in.fail();
    take_alternative(in, index, value, std::index_sequence_for<T...>());
  }

 private:
  template <std::size_t... I>
  static void take_alternative(Unpacker& in, std::size_t index, Variant& value, std::index_sequence<I...>) {
    ((I == index ? take_all(in, value.template emplace<I>()) : static_cast<void>(0)), ...);
  }
};

}  // namespace netns_lab::packed_support

// As NETNS_LAB_JSON, and the same fields as bytes.
#define NETNS_LAB_JSON_PACKED(Type, ...)                                                                 \
  [[maybe_unused]] static void pack_fields(std::string& netns_lab_packed, const Type& netns_lab_whole) { \
    const auto& [__VA_ARGS__] = netns_lab_whole;                                                         \
    ::netns_lab::packed_support::put_all(netns_lab_packed, __VA_ARGS__);                                 \
  }                                                                                                      \
  [[maybe_unused]] static void unpack_fields(::netns_lab::packed_support::Unpacker& netns_lab_packed,    \
                                             Type& netns_lab_whole) {                                    \
    auto& [__VA_ARGS__] = netns_lab_whole;                                                               \
    ::netns_lab::packed_support::take_all(netns_lab_packed, __VA_ARGS__);                                \
  }                                                                                                      \
  NETNS_LAB_JSON(Type, __VA_ARGS__)
