// What became of each fault, and the table of it: for a person, as Markdown, as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/cli/faults.h"
#include "harness/model/run_result.h"

namespace netns_lab::cli {

struct Kill {
  Fault fault;
  std::vector<std::string> observed;       // what the target did beside a right one, a line each (observation.h)
  std::string observation_failed;          // why there is none; "" there is
  bool took_hold = false;                  // one of them holds Fault::took_hold
  std::optional<Verdict> verdict;          // of the requirement that must fail; none: not judged
  std::vector<std::string> missing_words;  // of Fault::words, in what that requirement said
  std::vector<std::string> unrelated;      // requirements that failed and are neither the one nor among Fault::also
  std::vector<std::string> errors;         // requirements that ended in an error: never a target's fault
  std::vector<std::string> failed;         // all that failed
  std::string said;                        // what the requirement that must fail said
  std::string worker_failed;               // how the worker ended, when not well
  ExitStatus status = ExitStatus::kNotConformant;  // of the worker

  bool is_caught() const { return verdict == Verdict::kFail; }
  // Caught by the right requirement, in the right words, blaming nothing else, and a fault at all.
  bool is_killed() const;
  // What is wrong with it, a line each; empty when it is killed.
  std::vector<std::string> complaints() const;
};

// `observed`: that of observation.h, or why there is none.
Kill judge_fault(const Fault& fault, const WorkerResult& worker, Result<std::vector<std::string>> observed);

std::string kill_line(const Kill& kill);                   // "killed   udp-dropped  single-namespace.udp"
std::string kill_summary(const std::vector<Kill>& kills);  // a line per scenario: "bridge: 79 of 79 killed (100 %)"
std::string kill_markdown(const std::vector<Kill>& kills);
std::string kill_json(const std::vector<Kill>& kills, ExitStatus status);

}  // namespace netns_lab::cli
