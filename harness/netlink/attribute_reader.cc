#include "harness/netlink/attribute_reader.h"

#include <fmt/format.h>

#include <linux/netlink.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace netns_lab::netlink {

bool AttributeReader::next() {
  if (!ok() || rest_.empty()) return false;
  nlattr header;
  if (rest_.size() < sizeof header) {
    fail(fmt::format("{} bytes are too few for an attribute", rest_.size()));
    return false;
  }
  std::memcpy(&header, rest_.data(), sizeof header);
  if (header.nla_len < sizeof header || header.nla_len > rest_.size()) {
    fail(fmt::format("attribute {} claims {} bytes where {} are left", header.nla_type & NLA_TYPE_MASK, header.nla_len,
                     rest_.size()));
    return false;
  }
  type_ = static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK);
  value_ = rest_.subspan(sizeof header, header.nla_len - sizeof header);
  rest_ = rest_.subspan(std::min<std::size_t>(NLA_ALIGN(header.nla_len), rest_.size()));
  return true;
}

template <typename T>
T AttributeReader::fixed() {
  T value{};
  if (value_.size() != sizeof value) {
    fail(fmt::format("attribute {} has {} bytes instead of {}", type_, value_.size(), sizeof value));
    return T{};
  }
  std::memcpy(&value, value_.data(), sizeof value);
  return value;
}

std::uint8_t AttributeReader::u8() { return fixed<std::uint8_t>(); }
std::uint16_t AttributeReader::u16() { return fixed<std::uint16_t>(); }
std::uint32_t AttributeReader::u32() { return fixed<std::uint32_t>(); }
std::int32_t AttributeReader::s32() { return fixed<std::int32_t>(); }
std::uint64_t AttributeReader::u64() { return fixed<std::uint64_t>(); }

std::string AttributeReader::string() {
  const auto end = std::find(value_.begin(), value_.end(), std::uint8_t{0});
  return std::string(value_.begin(), end);
}

std::optional<IpAddress> AttributeReader::address() {
  if (value_.size() == 4 || value_.size() == 16) return IpAddress::from_bytes(value_);
  fail(fmt::format("attribute {} is an address of {} bytes", type_, value_.size()));
  return std::nullopt;
}

std::optional<MacAddress> AttributeReader::mac() {
  std::array<std::uint8_t, 6> bytes{};
  if (value_.size() != bytes.size()) return std::nullopt;
  std::copy(value_.begin(), value_.end(), bytes.begin());
  return MacAddress(bytes);
}

void AttributeReader::fail(std::string problem) {
  if (problem_.empty()) problem_ = std::move(problem);
  value_ = {};
}

Error AttributeReader::error(std::string attempted) const { return Error::internal(std::move(attempted), problem_); }

Error short_message(const char* what, std::size_t wanted, std::size_t seen) {
  return Error::internal(fmt::format("decode {}", what),
                         fmt::format("its header is {} bytes, {} are there", wanted, seen));
}

}  // namespace netns_lab::netlink
