#include "harness/model/judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <utility>
#include <vector>

namespace netns_lab {
namespace {

constexpr std::array kGravestFirst{ExitStatus::kInterrupted, ExitStatus::kDeadline,  ExitStatus::kHarnessBroke,
                                   ExitStatus::kLabMissing,  ExitStatus::kUsage,     ExitStatus::kNotConformant,
                                   ExitStatus::kNothingRan,  ExitStatus::kConformant};

// What a worker's or run's own end says beyond what its cases say.
bool ended_badly(ExitStatus status) {
  return status != ExitStatus::kConformant && status != ExitStatus::kNotConformant && status != ExitStatus::kNothingRan;
}

bool nothing_was_judged(const Counts& counts) { return counts.total() == counts.skipped; }

// Everything but "nothing ran".
std::vector<ExitStatus> reasons(const WorkerResult& worker) {
  std::vector<ExitStatus> found;
  const Counts counts = count(worker);
  const ExitStatus said = worker.ended ? worker.ended->status : ExitStatus::kHarnessBroke;
  if (ended_badly(said)) found.push_back(said);
  if (counts.errors != 0 && !ended_badly(said)) found.push_back(ExitStatus::kHarnessBroke);
  if (counts.failed != 0) found.push_back(ExitStatus::kNotConformant);
  return found;
}

}  // namespace

ExitStatus worst(std::span<const ExitStatus> statuses) {
  for (const ExitStatus status : kGravestFirst) {
    if (std::find(statuses.begin(), statuses.end(), status) != statuses.end()) return status;
  }
  return ExitStatus::kConformant;
}

void Counts::add(const CaseEnded& one) {
  switch (one.verdict) {
    case Verdict::kPass:
      ++passed;
      break;
    case Verdict::kFail:
      ++(one.level == Level::kMust ? failed : failed_lower);
      break;
    case Verdict::kSkip:
      ++skipped;
      break;
    case Verdict::kError:
      ++errors;
      break;
    case Verdict::kKnownFailure:
      ++known_failures;
      break;
  }
}

Counts& Counts::operator+=(const Counts& other) {
  passed += other.passed;
  failed += other.failed;
  failed_lower += other.failed_lower;
  skipped += other.skipped;
  errors += other.errors;
  known_failures += other.known_failures;
  return *this;
}

Counts count(const WorkerResult& worker) {
  Counts counts;
  for (const CaseEnded& one : worker.cases) counts.add(one);
  counts.errors += static_cast<unsigned>(worker.running.size());
  return counts;
}

Counts count(const RunResult& run) {
  Counts counts;
  for (const auto& [number, worker] : run.workers) counts += count(worker);
  return counts;
}

std::string to_string(const Counts& counts) {
  std::string text;
  const auto add = [&text](unsigned number, const char* word) {
    if (number != 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", number, word);
  };
  add(counts.passed, "passed");
  add(counts.failed, "failed");
  add(counts.failed_lower, "failed below MUST");
  add(counts.errors, counts.errors == 1 ? "error" : "errors");
  add(counts.skipped, "skipped");
  add(counts.known_failures, counts.known_failures == 1 ? "known failure" : "known failures");
  return text.empty() ? "no case ran" : text;
}

std::ostream& operator<<(std::ostream& out, const Counts& counts) { return out << to_string(counts); }

ExitStatus judge(const WorkerResult& worker) {
  std::vector<ExitStatus> statuses = reasons(worker);
  if (nothing_was_judged(count(worker))) statuses.push_back(ExitStatus::kNothingRan);
  return worst(statuses);
}

ExitStatus judge(const RunResult& run) {
  std::vector<ExitStatus> statuses;
  for (const auto& [number, worker] : run.workers) {
    const std::vector<ExitStatus> of_worker = reasons(worker);
    statuses.insert(statuses.end(), of_worker.begin(), of_worker.end());
  }
  if (run.ended && ended_badly(run.ended->status)) statuses.push_back(run.ended->status);
  if (nothing_was_judged(count(run))) statuses.push_back(ExitStatus::kNothingRan);
  return worst(statuses);
}

RunEvent without_skip(RunEvent event) {
  if (auto* ended = std::get_if<CaseEnded>(&event); ended != nullptr && ended->verdict == Verdict::kSkip) {
    ended->verdict = Verdict::kFail;
    ended->message = "skipped, which --no-skip makes a failure: " + ended->message;
  }
  return event;
}

}  // namespace netns_lab
