#include "harness/model/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <ostream>
#include <stdexcept>

namespace netns_lab {

std::string to_string(Family family) { return family == Family::kIpv4 ? "IPv4" : "IPv6"; }
int address_family(Family family) { return family == Family::kIpv4 ? AF_INET : AF_INET6; }

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  IpAddress address;
  if (terminated.find('\0') == std::string::npos) {
    if (::inet_pton(AF_INET, terminated.c_str(), address.bytes_.data()) == 1) return address;
    address.family_ = Family::kIpv6;
    if (::inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) == 1) return address;
  }
  return tl::unexpected(
      Error::invalid(fmt::format("address '{}'", text),
                     "expected an IPv4 address such as 10.200.1.1 or an IPv6 address such as fd00::1"));
}

IpAddress IpAddress::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return from_bytes(std::array{a, b, c, d});
}

IpAddress IpAddress::from_bytes(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) throw std::invalid_argument("an IP address has 4 or 16 bytes");
  IpAddress address;
  address.family_ = bytes.size() == 4 ? Family::kIpv4 : Family::kIpv6;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::unspecified(Family family) {
  IpAddress address;
  address.family_ = family;
  return address;
}

bool IpAddress::is_unspecified() const { return *this == unspecified(family_); }
bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;
  IpAddress loopback = unspecified(Family::kIpv6);
  loopback.bytes_[15] = 1;
  return *this == loopback;
}
bool IpAddress::is_link_local() const {
  return is_v4() ? bytes_[0] == 169 && bytes_[1] == 254 : bytes_[0] == 0xFE && (bytes_[1] & 0xC0) == 0x80;
}
bool IpAddress::is_multicast() const { return is_v4() ? (bytes_[0] & 0xF0) == 0xE0 : bytes_[0] == 0xFF; }
bool IpAddress::is_limited_broadcast() const { return is_v4() && *this == v4(255, 255, 255, 255); }

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address_family(family_), bytes_.data(), text.data(), text.size());
  return text.data();
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  NETNS_LAB_ASSIGN(const IpAddress address, IpAddress::parse(text.substr(0, slash)));
  if (slash == std::string_view::npos) return host(address);
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size() || length > address.bits()) {
    return tl::unexpected(
        Error::invalid(fmt::format("prefix '{}'", text),
                       fmt::format("expected a length from 0 to {} after the slash", address.bits())));
  }
  return Prefix{address, static_cast<std::uint8_t>(length)};
}

Prefix Prefix::host(const IpAddress& address) { return {address, static_cast<std::uint8_t>(address.bits())}; }
Prefix Prefix::default_route(Family family) { return {IpAddress::unspecified(family), 0}; }

Prefix Prefix::network() const {
  std::array<std::uint8_t, 16> masked{};
  for (std::size_t i = 0; i < address.size(); ++i) {
    const int kept = std::clamp(static_cast<int>(length) - static_cast<int>(i) * 8, 0, 8);
    masked[i] = static_cast<std::uint8_t>(address.bytes()[i] & (0xFF00 >> kept));
  }
  return {IpAddress::from_bytes(std::span<const std::uint8_t>(masked.data(), address.size())), length};
}

bool Prefix::contains(const IpAddress& other) const {
  return other.family() == address.family() && Prefix{other, length}.network() == network();
}

std::string Prefix::to_string() const { return fmt::format("{}/{}", address.to_string(), length); }

Result<MacAddress> MacAddress::parse(std::string_view text) {
  std::array<std::uint8_t, 6> bytes{};
  bool good = text.size() == 17;
  for (std::size_t i = 0; good && i < bytes.size(); ++i) {
    const char* begin = text.data() + i * 3;
    const auto [end, error] = std::from_chars(begin, begin + 2, bytes[i], 16);
    good = error == std::errc{} && end == begin + 2 && (i == 5 || *end == ':');
  }
  if (good) return MacAddress(bytes);
  return tl::unexpected(Error::invalid(fmt::format("MAC address '{}'", text),
                                       "expected six hexadecimal bytes such as 02:00:00:00:00:01"));
}

std::string MacAddress::to_string() const { return fmt::format("{:02x}", fmt::join(bytes_, ":")); }

std::ostream& operator<<(std::ostream& out, const IpAddress& address) { return out << address.to_string(); }
std::ostream& operator<<(std::ostream& out, const Prefix& prefix) { return out << prefix.to_string(); }
std::ostream& operator<<(std::ostream& out, const MacAddress& mac) { return out << mac.to_string(); }

}  // namespace netns_lab
