// IP addresses, prefixes and MAC addresses as values. Bytes are in network order throughout.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

#include "harness/base/error.h"

namespace netns_lab {

enum class Family : std::uint8_t { kIpv4 = 4, kIpv6 = 6 };
std::string to_string(Family family);  // "IPv4", "IPv6"
int address_family(Family family);     // AF_INET, AF_INET6

class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0
  // Accepts what inet_pton(3) accepts: dotted quads without leading zeros, RFC 4291 text. No zone, no prefix length.
  static Result<IpAddress> parse(std::string_view text);
  static IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
  // `bytes` holds 4 or 16 bytes in network order; any other size is a programmer error (std::invalid_argument).
  static IpAddress from_bytes(std::span<const std::uint8_t> bytes);
  static IpAddress unspecified(Family family);

  Family family() const { return family_; }
  bool is_v4() const { return family_ == Family::kIpv4; }
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size()}; }
  std::size_t size() const { return is_v4() ? 4 : 16; }
  unsigned bits() const { return is_v4() ? 32 : 128; }

  bool is_unspecified() const;
  bool is_loopback() const;           // 127.0.0.0/8, ::1
  bool is_link_local() const;         // 169.254.0.0/16, fe80::/10
  bool is_multicast() const;          // 224.0.0.0/4, ff00::/8
  bool is_limited_broadcast() const;  // 255.255.255.255

  std::string to_string() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::kIpv4;
  std::array<std::uint8_t, 16> bytes_{};
};
std::ostream& operator<<(std::ostream& out, const IpAddress& address);

struct Prefix {
  IpAddress address;        // not masked: an interface address keeps its host part
  std::uint8_t length = 0;  // bits, 0..32 or 0..128

  static Result<Prefix> parse(std::string_view text);  // "10.0.0.0/8"; without a slash: a host prefix
  static Prefix host(const IpAddress& address);        // /32 or /128
  static Prefix default_route(Family family);          // 0.0.0.0/0, ::/0
  bool is_default_route() const { return length == 0 && address.is_unspecified(); }
  bool is_host() const { return length == address.bits(); }
  Prefix network() const;  // host part cleared
  bool contains(const IpAddress& other) const;
  std::string to_string() const;
  auto operator<=>(const Prefix&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Prefix& prefix);

class MacAddress {
 public:
  MacAddress() = default;
  explicit MacAddress(std::array<std::uint8_t, 6> bytes) : bytes_(bytes) {}
  static Result<MacAddress> parse(std::string_view text);  // "02:00:00:00:00:01"
  const std::array<std::uint8_t, 6>& bytes() const { return bytes_; }
  bool is_zero() const { return bytes_ == std::array<std::uint8_t, 6>{}; }
  bool is_broadcast() const { return bytes_ == std::array<std::uint8_t, 6>{255, 255, 255, 255, 255, 255}; }
  std::string to_string() const;
  auto operator<=>(const MacAddress&) const = default;

 private:
  std::array<std::uint8_t, 6> bytes_{};
};
std::ostream& operator<<(std::ostream& out, const MacAddress& mac);

}  // namespace netns_lab
