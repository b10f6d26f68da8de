// Judgement: requirements, verdicts, and the record of a run.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"

namespace netns_lab {

enum class Level : std::uint8_t { kMust, kShould, kDerived, kAmbiguous };
std::string to_string(Level level);  // "MUST", …

// One claim about what a target builds.
struct Requirement {
  std::string id;  // "single-namespace.host-route"
  Level level = Level::kMust;
  std::string source;                 // "tutorial part 1, step 9"; an RFC or SPEC section
  std::string text;                   // one sentence that can be true or false
  std::vector<std::string> rests_on;  // ids that must hold before this one can be judged
  std::string why;                    // what goes wrong when it does not hold, for `explain`; may be empty
  bool operator==(const Requirement&) const = default;
};

enum class Verdict : std::uint8_t { kPass, kFail, kSkip, kError, kKnownFailure };
std::string to_string(Verdict verdict);  // "pass", "fail", "skip", "error", "known-failure"

// Exit statuses of the command line: a contract (docs/command-line.md).
enum class ExitStatus : int {
  kConformant = 0,
  kNotConformant = 1,
  kUsage = 2,
  kLabMissing = 3,
  kHarnessBroke = 4,
  kNothingRan = 5,
  kDeadline = 124,
  kInterrupted = 130,
};
std::string to_string(ExitStatus status);  // "conformant", "the lab is missing, taken or was lost"

std::ostream& operator<<(std::ostream& out, Level level);
std::ostream& operator<<(std::ostream& out, Verdict verdict);
std::ostream& operator<<(std::ostream& out, ExitStatus status);

}  // namespace netns_lab
