// From what happened to what it means: counts and the exit status.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

#include "harness/model/run_result.h"

namespace netns_lab {

// The one to exit with where several hold: 130, 124, 4, 3, 2, 1, 5, 0 (DESIGN.md). kConformant of none.
ExitStatus worst(std::span<const ExitStatus> statuses);

// Of cases.
struct Counts {
  unsigned passed = 0;
  unsigned failed = 0;        // a MUST
  unsigned failed_lower = 0;  // a claim of a lower level: told, and never makes a run non-conformant
  unsigned skipped = 0;
  unsigned errors = 0;  // cases still running when their worker ended among them
  unsigned known_failures = 0;

  unsigned total() const { return passed + failed + failed_lower + skipped + errors + known_failures; }
  void add(const CaseEnded& one);
  Counts& operator+=(const Counts& other);
  bool operator==(const Counts&) const = default;
};
Counts count(const WorkerResult& worker);
Counts count(const RunResult& run);
std::string to_string(const Counts& counts);  // "17 passed, 1 failed, 2 skipped"; what is zero is left out
std::ostream& operator<<(std::ostream& out, const Counts& counts);

// A failed MUST is 1; an error is 4, or 3 when the worker says that its lab was missing or lost; a worker or run that
// ended badly counts as it says; a worker that never ended is 4; nothing ran, or everything was skipped, is 5.
ExitStatus judge(const WorkerResult& worker);
// The same over all workers; that nothing ran (5) holds only when it holds of all of them together.
ExitStatus judge(const RunResult& run);

// --no-skip: a skipped case as a failed one, any other event as it is. To be applied where events enter, so that every
// report agrees.
RunEvent without_skip(RunEvent event);

}  // namespace netns_lab
