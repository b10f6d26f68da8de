// The catalogue of a scenario, and what has become of each requirement so far: what rests on one that failed is not
// judged.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/verdict.h"

namespace netns_lab {

class RequirementBook {
 public:
  explicit RequirementBook(std::vector<Requirement> catalogue);

  const std::vector<Requirement>& catalogue() const { return catalogue_; }
  const Requirement* find(const std::string& id) const;
  // Why the requirement cannot be judged: "rests on X, which failed"; none when it can.
  std::optional<std::string> obstacle(const std::string& id) const;
  // What it rests on and nobody has judged (the filter left it out).
  std::vector<std::string> unjudged_bases(const std::string& id) const;
  // The worst verdict of a requirement's cases counts.
  void record(const std::string& id, Verdict verdict);
  std::optional<Verdict> verdict_of(const std::string& id) const;  // none: nobody has judged it
  void forget();                                                   // for a further repetition

 private:
  std::vector<Requirement> catalogue_;
  std::map<std::string, Verdict> verdicts_;
};

}  // namespace netns_lab
