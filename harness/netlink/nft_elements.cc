#include "harness/netlink/nft_elements.h"

#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <utility>

#include "harness/netlink/nft_attributes.h"

namespace netns_lab::netlink {

std::vector<NftKey> elements_of(const std::vector<NftElement>& set, bool are_intervals) {
  std::vector<NftKey> elements;
  for (const NftElement& each : set) {
    const auto attributes = attributes_of(each.attributes);
    NftKey element;
    element.key = value(attributes, NFTA_SET_ELEM_KEY);
    if (attributes.count(NFTA_SET_ELEM_KEY_END) != 0) element.key_end = value(attributes, NFTA_SET_ELEM_KEY_END);
    element.ends_interval = (number(attributes, NFTA_SET_ELEM_FLAGS) & NFT_SET_ELEM_INTERVAL_END) != 0;
    element.data = value(attributes, NFTA_SET_ELEM_DATA);
    element.chain = chain_of(attributes, NFTA_SET_ELEM_DATA);
    element.attributes = each.attributes;
    elements.push_back(std::move(element));
  }
  // An interval of one field is two elements, its begin and what follows its end (net/netfilter/nft_set_rbtree.c).
  std::stable_sort(elements.begin(), elements.end(), [](const NftKey& a, const NftKey& b) {
    return a.key != b.key ? a.key < b.key : a.ends_interval && !b.ends_interval;
  });
  const bool has_ends = are_intervals || std::any_of(elements.begin(), elements.end(),
                                                     [](const NftKey& element) { return element.ends_interval; });
  std::vector<NftKey> whole;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (elements[i].ends_interval) continue;
    whole.push_back(elements[i]);
    if (!has_ends || elements[i].key.empty() || elements[i].key_end) continue;
    std::vector<std::uint8_t> end(elements[i].key.size(), 0xFF);
    if (i + 1 < elements.size()) {
      end = elements[i + 1].key;
      for (std::size_t at = end.size(); at-- > 0;) {
        if (end[at]-- != 0) break;  // one less, borrowing
      }
    }
    whole.back().key_end = std::move(end);
  }
  return whole;
}

}  // namespace netns_lab::netlink
