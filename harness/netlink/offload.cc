#include "harness/netlink/offload.h"

#include <fmt/format.h>

#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/generic.h"

namespace netns_lab::netlink {
namespace {

constexpr std::uint32_t kMostFeatures = 1024;  // 64 bits now; a malformed message shall not have much made

void read_string(AttributeReader& one, std::vector<std::string>& names) {
  std::uint32_t index = 0;
  std::string name;
  while (one.next()) {
    if (one.type() == ETHTOOL_A_STRING_INDEX) index = one.u32();
    if (one.type() == ETHTOOL_A_STRING_VALUE) name = one.string();
  }
  if (index >= kMostFeatures) return;
  if (names.size() <= index) names.resize(index + 1);
  names[index] = std::move(name);
}

std::vector<std::uint32_t> words_of(AttributeReader& set) {
  std::vector<std::uint32_t> words;
  while (set.next()) {
    if (set.type() != ETHTOOL_A_BITSET_VALUE) continue;
    const Bytes bytes = set.bytes();
    words.resize(bytes.size() / sizeof(std::uint32_t));
    if (!words.empty()) std::memcpy(words.data(), bytes.data(), words.size() * sizeof(std::uint32_t));
  }
  return words;
}

}  // namespace

Result<std::vector<std::string>> list_feature_names(NetlinkSocket& socket, std::uint16_t family) {
  Request request = generic_request(family, ETHTOOL_MSG_STRSET_GET, ETHTOOL_GENL_VERSION);
  request.put_nested(ETHTOOL_A_STRSET_HEADER, [] {});  // of no link: what holds for all
  request.put_nested(ETHTOOL_A_STRSET_STRINGSETS, [&] {
    request.put_nested(ETHTOOL_A_STRINGSETS_STRINGSET,
                       [&] { request.put_u32(ETHTOOL_A_STRINGSET_ID, ETH_SS_FEATURES); });
  });
  const auto replies = socket.exchange(std::move(request));
  if (!replies) {
    Error error = replies.error();
    error.attempted = "list the names of the features of links (ethtool)";
    return tl::unexpected(std::move(error));
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < replies->size(); ++i) {
    AttributeReader reader(after_header<genlmsghdr>((*replies)[i]));
    while (reader.next()) {
      if (reader.type() != ETHTOOL_A_STRSET_STRINGSETS) continue;
      reader.nested([&](AttributeReader& sets) {
        while (sets.next()) {
          sets.nested([&](AttributeReader& set) {
            while (set.next()) {
              if (set.type() != ETHTOOL_A_STRINGSET_STRINGS) continue;
              set.nested([&](AttributeReader& strings) {
                while (strings.next()) strings.nested([&](AttributeReader& one) { read_string(one, names); });
              });
            }
          });
        }
      });
    }
    if (!reader.ok()) return tl::unexpected(reader.error("decode ETHTOOL_MSG_STRSET_GET_REPLY"));
  }
  return names;
}

Result<LinkFeatures> decode_link_features(const MessageView& message) {
  LinkFeatures features;
  AttributeReader reader(after_header<genlmsghdr>(message));
  while (reader.next()) {
    if (reader.type() == ETHTOOL_A_FEATURES_HEADER) {
      reader.nested([&](AttributeReader& header) {
        while (header.next()) {
          if (header.type() == ETHTOOL_A_HEADER_DEV_INDEX) features.link_index = header.u32();
        }
      });
    }
    if (reader.type() == ETHTOOL_A_FEATURES_HW)
      reader.nested([&](AttributeReader& set) { features.switchable = words_of(set); });
    if (reader.type() == ETHTOOL_A_FEATURES_WANTED)
      reader.nested([&](AttributeReader& set) { features.wanted = words_of(set); });
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode ETHTOOL_MSG_FEATURES_GET_REPLY"));
  return features;
}

Result<SwitchedOff> list_switched_off(NetlinkSocket& socket, std::uint16_t family,
                                      const std::vector<std::string>& names) {
  Request request = generic_request(family, ETHTOOL_MSG_FEATURES_GET, ETHTOOL_GENL_VERSION);
  request.put_nested(ETHTOOL_A_FEATURES_HEADER,
                     [&] { request.put_u32(ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_COMPACT_BITSETS); });
  const auto replies = socket.dump(std::move(request));
  if (!replies && replies.error().system_errno == EOPNOTSUPP) return SwitchedOff();  // before Linux 5.7
  if (!replies) {
    Error error = replies.error();
    error.attempted = "list the features of the links (ethtool)";
    return tl::unexpected(std::move(error));
  }
  SwitchedOff off;
  for (std::size_t i = 0; i < replies->size(); ++i) {
    NETNS_LAB_ASSIGN(const LinkFeatures features, decode_link_features((*replies)[i]));
    std::vector<std::string>& of_link = off[features.link_index];
    for (std::size_t bit = 0; bit < features.switchable.size() * 32; ++bit) {
      const std::size_t word = bit / 32;
      const std::uint32_t wanted = word < features.wanted.size() ? features.wanted[word] : 0;
      if (((features.switchable[word] & ~wanted) >> (bit % 32) & 1U) == 0) continue;
      of_link.push_back(bit < names.size() && !names[bit].empty() ? names[bit] : fmt::format("feature-{}", bit));
    }
  }
  return off;
}

}  // namespace netns_lab::netlink
