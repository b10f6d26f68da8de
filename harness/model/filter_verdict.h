// A rule of a packet filter, or the policy of one of its chains, that ended a packet's way.
#pragma once

#include <cstdint>
#include <string>

namespace netns_lab {

struct FilterVerdict {
  std::string network_namespace{};
  std::string table{};         // "inet extra"
  std::string chain{};         // one that a base chain jumps to, too
  std::uint64_t rule = 0;      // its handle; 0: no rule, but the chain's policy
  std::uint32_t position = 0;  // of the rule in its chain, from 1; 0: not known, it has gone
  std::string verdict{};       // "drops", "takes", "gives to a program"
  bool operator==(const FilterVerdict&) const = default;
};
// "rule 2 of chain in drops it (nft --handle list chain inet extra in: handle 5)", "the policy of chain in drops it"
std::string to_string(const FilterVerdict& verdict);

}  // namespace netns_lab
