// What a link leaves to its device, or to a later moment (checksums, segmentation, …), as far as somebody can switch
// it: ETHTOOL_MSG_FEATURES_GET and ETHTOOL_MSG_STRSET_GET of the generic netlink family "ethtool"
// (linux/ethtool_netlink.h, Documentation/networking/ethtool-netlink.rst; Linux 5.7).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// The kernel's names of the features, by their bits: "tx-checksum-ip-generic". `socket` is of Protocol::kGeneric,
// `family` the number of "ethtool". The same for as long as the kernel runs.
Result<std::vector<std::string>> list_feature_names(NetlinkSocket& socket, std::uint16_t family);

// Of every link, by its index: the features that can be switched and are not wanted, by their names in the order of
// their bits. (What follows from others, as a bridge's from its ports', does not change what is wanted.) A kernel that
// cannot tell has none.
using SwitchedOff = std::map<std::uint32_t, std::vector<std::string>>;
Result<SwitchedOff> list_switched_off(NetlinkSocket& socket, std::uint16_t family,
                                      const std::vector<std::string>& names);

struct LinkFeatures {
  std::uint32_t link_index = 0;
  std::vector<std::uint32_t> switchable;  // bits, 32 a word
  std::vector<std::uint32_t> wanted;
};
Result<LinkFeatures> decode_link_features(const MessageView& message);  // of compact bit sets

}  // namespace netns_lab::netlink
