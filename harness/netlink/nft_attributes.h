// Attributes of nf_tables' expressions as they were read once and kept as bytes: for those who follow rules afterwards.
#pragma once

#include <arpa/inet.h>

#include <linux/netfilter/nf_tables.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {

using NftAttributes = std::map<std::uint16_t, Bytes>;

inline NftAttributes attributes_of(Bytes bytes) {
  NftAttributes all;
  AttributeReader reader(bytes);
  while (reader.next()) all[reader.type()] = reader.bytes();
  return all;
}

// In the host's order; `otherwise` where there is none.
inline std::uint32_t number(const NftAttributes& attributes, std::uint16_t type, std::uint32_t otherwise = 0) {
  const auto found = attributes.find(type);
  if (found == attributes.end() || found->second.size() != sizeof(std::uint32_t)) return otherwise;
  std::uint32_t value = 0;
  std::memcpy(&value, found->second.data(), sizeof value);
  return ntohl(value);
}

// "" where there is none.
inline std::string text(const NftAttributes& attributes, std::uint16_t type) {
  const auto found = attributes.find(type);
  if (found == attributes.end()) return "";
  const auto* begin = reinterpret_cast<const char*>(found->second.data());
  return {begin, ::strnlen(begin, found->second.size())};
}

// NFTA_DATA_VALUE of a NFTA_*_DATA.
inline std::vector<std::uint8_t> value(const NftAttributes& attributes, std::uint16_t type) {
  const auto found = attributes.find(type);
  if (found == attributes.end()) return {};
  const auto data = attributes_of(found->second);
  const auto bytes = data.find(NFTA_DATA_VALUE);
  if (bytes == data.end()) return {};
  return {bytes->second.begin(), bytes->second.end()};
}

// The verdict of a NFTA_*_DATA: its attributes NFTA_VERDICT_*; none where it is no verdict.
inline NftAttributes verdict(const NftAttributes& attributes, std::uint16_t type) {
  const auto found = attributes.find(type);
  if (found == attributes.end()) return {};
  const auto data = attributes_of(found->second);
  const auto inner = data.find(NFTA_DATA_VERDICT);
  return inner == data.end() ? NftAttributes() : attributes_of(inner->second);
}

// The chain that such a verdict leads to; "" none.
inline std::string chain_of(const NftAttributes& attributes, std::uint16_t type) {
  return text(verdict(attributes, type), NFTA_VERDICT_CHAIN);
}

}  // namespace netns_lab::netlink
