// What is known about one running case, beside what GoogleTest knows.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/verdict.h"

namespace netns_lab {

struct CaseRecord {
  std::string suite;  // "SingleNamespace"
  std::string name;   // "HostReachesContainer", from the second repetition on "HostReachesContainer#2"
  std::string file;
  int line = 0;
  std::vector<std::string> requirements;  // ids it named, in order
  std::optional<Level> level;             // the strictest of them
  std::optional<Error> lab_error;         // set before LabError is thrown
  bool deselected = false;                // a filter by requirement leaves it out, or it was judged in an earlier pass
  bool put_off = false;                   // to a later pass (claim_order.h)
  std::uint32_t observations = 0;         // pieces of evidence it looked at, and claims it made: 0 proves nothing
  std::vector<std::function<std::string()>> evidence;  // written out when it does not pass
};

// One failed or skipped expectation.
struct CasePart {
  bool failed = false;
  bool skipped = false;
  std::string file;  // "" : an exception, thrown who knows where
  int line = 0;
  std::string message;
};

struct CaseJudgement {
  Verdict verdict = Verdict::kPass;
  std::string message;  // one, combined
  std::string file;     // of the first failed expectation, else of the case
  int line = 0;
};

// The verdict over a case that has ended. `known_failure`: the reason why it is expected to fail; "" when it is not.
CaseJudgement judge_case(const CaseRecord& record, const std::vector<CasePart>& parts,
                         const std::string& known_failure);

}  // namespace netns_lab
