#include "harness/testing/claim_order.h"

#include <algorithm>

namespace netns_lab {
namespace {

// The most claims that rest on one another in a row. What is being asked counts as 0: a circle has an end.
int chain_length(const RequirementBook& book, const std::string& id, std::map<std::string, int>& known) {
  const Requirement* requirement = book.find(id);
  if (requirement == nullptr) return 0;
  const auto [found, is_new] = known.emplace(id, 0);
  if (!is_new) return found->second;
  int longest = 0;
  for (const std::string& base : requirement->rests_on) longest = std::max(longest, chain_length(book, base, known));
  return known[id] = longest + 1;
}

}  // namespace

ClaimOrder::ClaimOrder(const RequirementBook& book, bool shuffled) : book_(book) {
  if (!shuffled) return;
  std::map<std::string, int> known;
  for (const Requirement& requirement : book.catalogue())
    passes_ = std::max(passes_, chain_length(book, requirement.id, known));
  ++passes_;  // the first one only finds out which claims there are that rest on others
}

void ClaimOrder::begin(int iteration) {
  iteration_ = iteration;
  if (!is_first_pass()) return;
  done_.clear();
  put_off_.clear();
}

bool ClaimOrder::must_wait(const std::string& one, const std::string& requirement) {
  if (is_last_pass()) return false;
  put_off_[one].insert(requirement);
  const Requirement* named = book_.find(requirement);
  if (named == nullptr) return false;
  if (is_first_pass()) return !named->rests_on.empty();
  std::set<std::string> asked;
  return waits_for(one, requirement, asked);
}

// Also by way of what the filter has left out.
bool ClaimOrder::waits_for(const std::string& one, const std::string& requirement, std::set<std::string>& asked) const {
  const Requirement* named = book_.find(requirement);
  if (named == nullptr || !asked.insert(requirement).second) return false;
  return std::any_of(named->rests_on.begin(), named->rests_on.end(),
                     [&](const std::string& base) { return is_put_off(base, one) || waits_for(one, base, asked); });
}

bool ClaimOrder::is_put_off(const std::string& requirement, const std::string& but_for) const {
  return std::any_of(put_off_.begin(), put_off_.end(),
                     [&](const auto& entry) { return entry.first != but_for && entry.second.contains(requirement); });
}

void ClaimOrder::end(const std::string& one) {
  put_off_.erase(one);
  done_.insert(one);
}

}  // namespace netns_lab
