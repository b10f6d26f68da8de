#include "harness/testing/requirement_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace netns_lab {
namespace {

// How much a verdict stands in the way of what rests on it.
int weight(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return 0;
    case Verdict::kSkip:
      return 1;
    case Verdict::kKnownFailure:
      return 2;
    case Verdict::kFail:
      return 3;
    case Verdict::kError:
      return 4;
  }
  return 0;
}

std::string what_became(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFail:
      return "which failed";
    case Verdict::kKnownFailure:
      return "which is known to fail";
    case Verdict::kError:
      return "which could not be judged (error)";
    default:
      return "which was skipped";
  }
}

}  // namespace

RequirementBook::RequirementBook(std::vector<Requirement> catalogue) : catalogue_(std::move(catalogue)) {}

const Requirement* RequirementBook::find(const std::string& id) const {
  const auto found = std::find_if(catalogue_.begin(), catalogue_.end(),
                                  [&](const Requirement& requirement) { return requirement.id == id; });
  return found == catalogue_.end() ? nullptr : &*found;
}

std::optional<std::string> RequirementBook::obstacle(const std::string& id) const {
  const Requirement* requirement = find(id);
  if (requirement == nullptr) return std::nullopt;
  for (const std::string& base : requirement->rests_on) {
    const auto found = verdicts_.find(base);
    if (found != verdicts_.end() && found->second != Verdict::kPass)
      return fmt::format("rests on {}, {}", base, what_became(found->second));
  }
  return std::nullopt;
}

std::vector<std::string> RequirementBook::unjudged_bases(const std::string& id) const {
  const Requirement* requirement = find(id);
  std::vector<std::string> unjudged;
  if (requirement == nullptr) return unjudged;
  std::copy_if(requirement->rests_on.begin(), requirement->rests_on.end(), std::back_inserter(unjudged),
               [&](const std::string& base) { return verdicts_.count(base) == 0; });
  return unjudged;
}

void RequirementBook::record(const std::string& id, Verdict verdict) {
  const auto found = verdicts_.emplace(id, verdict);
  if (!found.second && weight(verdict) > weight(found.first->second)) found.first->second = verdict;
}

std::optional<Verdict> RequirementBook::verdict_of(const std::string& id) const {
  const auto found = verdicts_.find(id);
  return found == verdicts_.end() ? std::nullopt : std::optional(found->second);
}

void RequirementBook::forget() { verdicts_.clear(); }

}  // namespace netns_lab
