// In which order a shuffled worker judges its claims: drawn by GoogleTest, but none before what it rests on. A case
// names its requirement only when it runs, and GoogleTest's order cannot be given to it; so a round is several passes
// over all cases. A case that must wait is put off to the next pass, and one that was judged is passed over.
//
//   first pass:   every case that rests on nothing is judged; the others are put off, and are known by then
//   each further: what rests on none that is still put off
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/testing/requirement_book.h"

namespace netns_lab {

class ClaimOrder {
 public:
  // Not shuffled: one pass, in which nothing waits; the order is that of the suite's file.
  ClaimOrder(const RequirementBook& book, bool shuffled);

  // Of one round: enough for the longest chain of claims that rest on one another.
  int passes() const { return passes_; }
  // GoogleTest's iteration, from 0. A round begins with its first pass and ends with its last.
  void begin(int iteration);
  int round() const { return iteration_ / passes_; }
  bool is_first_pass() const { return iteration_ % passes_ == 0; }
  bool is_last_pass() const { return iteration_ % passes_ == passes_ - 1; }

  // Whether the case was judged, or left out by the filter, in an earlier pass of this round.
  bool is_done(const std::string& one) const { return done_.contains(one); }
  // Whether the case, which has named the requirement, waits for another one; then it is put off.
  bool must_wait(const std::string& one, const std::string& requirement);
  void end(const std::string& one);  // it is done

 private:
  bool waits_for(const std::string& one, const std::string& requirement, std::set<std::string>& asked) const;
  bool is_put_off(const std::string& requirement, const std::string& but_for) const;

  const RequirementBook& book_;
  int passes_ = 1;
  int iteration_ = 0;
  std::set<std::string> done_;
  std::map<std::string, std::set<std::string>> put_off_;  // cases, and the requirements they named
};

}  // namespace netns_lab
