// --filter: which cases run. GoogleTest's syntax, "Suite.Ca*:Other.*-Suite.Not*" with * and ?, or patterns of
// requirement ids, "single-namespace.host-*". The part after a '-' leaves cases out; a '-' inside an id is part of it
// (ids are lower case, names of cases are not), so that ids are left out behind ":-".
#pragma once

#include <string>
#include <vector>

#include "harness/model/verdict.h"

namespace netns_lab {

bool matches_glob(const std::string& pattern, const std::string& text);  // '*' any bytes, '?' one byte

class Selection {
 public:
  // `catalogue` decides which patterns are of ids: those that match one.
  Selection(const std::string& filter, const std::vector<Requirement>& catalogue);

  bool names_ids() const { return !ids_.empty() || !not_ids_.empty(); }
  // May the case run, as far as its name tells? (With patterns of ids the case must name its requirement first.)
  bool takes_case(const std::string& suite, const std::string& name) const;
  // Is it wanted, once it has named a requirement?
  bool takes(const std::string& suite, const std::string& name, const std::string& requirement) const;

  // Of the patterns that choose: those that are of no id and of none of these cases ("Suite.Case").
  std::vector<std::string> unmatched(const std::vector<std::string>& cases) const;

 private:
  std::vector<std::string> cases_, ids_, not_cases_, not_ids_;
};

}  // namespace netns_lab
