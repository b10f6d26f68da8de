// The elements of a set or map as the rules look them up (NFTA_SET_ELEM_*, linux/netfilter/nf_tables.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/netlink/nft_translation.h"

namespace netns_lab::netlink {

// By its fields of 32 bits.
struct NftKey {
  std::vector<std::uint8_t> key;  // none: of whatever is not in the set otherwise
  std::optional<std::vector<std::uint8_t>> key_end;
  bool ends_interval = false;
  std::vector<std::uint8_t> data;
  std::string chain;                       // that a verdict leads to
  std::vector<std::uint8_t> attributes{};  // NFTA_SET_ELEM_*
};

// Whole ones, by key. An interval of one field is two elements, its begin and what follows its end; one, where the next
// begins there, or it ends with the last key (net/netfilter/nft_set_rbtree.c): `are_intervals`, of such a set.
std::vector<NftKey> elements_of(const std::vector<NftElement>& set, bool are_intervals);

}  // namespace netns_lab::netlink
