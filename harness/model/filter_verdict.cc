#include "harness/model/filter_verdict.h"

#include <fmt/format.h>

namespace netns_lab {

std::string to_string(const FilterVerdict& verdict) {
  if (verdict.rule == 0) return fmt::format("the policy of chain {} {} it", verdict.chain, verdict.verdict);
  const std::string which = verdict.position == 0 ? "a rule" : fmt::format("rule {}", verdict.position);
  return fmt::format("{} of chain {} {} it (nft --handle list chain {} {}: handle {})", which, verdict.chain,
                     verdict.verdict, verdict.table, verdict.chain, verdict.rule);
}

}  // namespace netns_lab
