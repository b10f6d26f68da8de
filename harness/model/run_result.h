// The events of a run, put together: what each worker did. Reports and the exit status are made from this.
//
//   RunResult result;
//   for (const RunEvent& event : events) result.add(event);
//   const ExitStatus status = judge(result);     // judgement.h
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/run_record.h"

namespace netns_lab {

struct WorkerResult {
  WorkerStarted started;
  std::vector<CaseEnded> cases;      // in the order in which they ended
  std::vector<CaseStarted> running;  // started and not ended
  std::optional<WorkerEnded> ended;
  bool operator==(const WorkerResult&) const = default;
};

struct RunResult {
  std::optional<RunStarted> started;
  std::map<int, WorkerResult> workers;  // by number
  std::optional<RunEnded> ended;

  void add(
      const RunEvent& event);  // in the order of the record; a worker that nobody announced is taken in, without a name
  bool operator==(const RunResult&) const = default;
};

// What was found out about one requirement in one worker.
struct RequirementResult {
  Requirement requirement;         // only the id when the catalogue does not hold it
  std::optional<Verdict> verdict;  // the gravest of its cases; none: no case judged it
  std::vector<std::size_t> cases;  // indexes into WorkerResult::cases
  bool operator==(const RequirementResult&) const = default;
};

// In the catalogue's order, then ids that only cases name.
std::vector<RequirementResult> by_requirement(const WorkerResult& worker);

// How grave: error, fail, known-failure, skip, pass. A skip beside a pass leaves a claim half judged.
bool graver(Verdict a, Verdict b);

}  // namespace netns_lab
