#include "harness/model/verdict.h"

#include <ostream>

namespace netns_lab {

std::string to_string(Level level) {
  switch (level) {
    case Level::kMust:
      return "MUST";
    case Level::kShould:
      return "SHOULD";
    case Level::kDerived:
      return "DERIVED";
    case Level::kAmbiguous:
      return "AMBIGUOUS";
  }
  return std::to_string(static_cast<unsigned>(level));
}

std::string to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "pass";
    case Verdict::kFail:
      return "fail";
    case Verdict::kSkip:
      return "skip";
    case Verdict::kError:
      return "error";
    case Verdict::kKnownFailure:
      return "known-failure";
  }
  return std::to_string(static_cast<unsigned>(verdict));
}

std::string to_string(ExitStatus status) {
  switch (status) {
    case ExitStatus::kConformant:
      return "conformant";
    case ExitStatus::kNotConformant:
      return "not conformant";
    case ExitStatus::kUsage:
      return "wrong usage";
    case ExitStatus::kLabMissing:
      return "the lab is missing, taken or was lost";
    case ExitStatus::kHarnessBroke:
      return "the harness broke";
    case ExitStatus::kNothingRan:
      return "nothing ran";
    case ExitStatus::kDeadline:
      return "the deadline passed";
    case ExitStatus::kInterrupted:
      return "interrupted";
  }
  return std::to_string(static_cast<int>(status));
}

std::ostream& operator<<(std::ostream& out, Level level) { return out << to_string(level); }
std::ostream& operator<<(std::ostream& out, Verdict verdict) { return out << to_string(verdict); }
std::ostream& operator<<(std::ostream& out, ExitStatus status) { return out << to_string(status); }

}  // namespace netns_lab
