#include "harness/model/run_result.h"

#include <algorithm>

namespace netns_lab {
namespace {

int gravity(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return 0;
    case Verdict::kSkip:
      return 1;
    case Verdict::kKnownFailure:
      return 2;
    case Verdict::kFail:
      return 3;
    case Verdict::kError:
      return 4;
  }
  return 4;
}

// One overload for each event.
struct Adder {
  RunResult& result;

  WorkerResult& worker(int number) const {
    WorkerResult& found = result.workers[number];
    found.started.worker = number;
    return found;
  }
  void operator()(const RunStarted& event) const { result.started = event; }
  void operator()(const WorkerStarted& event) const { worker(event.worker).started = event; }
  void operator()(const CaseStarted& event) const { worker(event.worker).running.push_back(event); }
  void operator()(const CaseEnded& event) const {
    WorkerResult& of = worker(event.worker);
    const auto started = std::find_if(of.running.begin(), of.running.end(), [&](const CaseStarted& running) {
      return running.suite == event.suite && running.name == event.name;
    });
    if (started != of.running.end()) of.running.erase(started);
    of.cases.push_back(event);
  }
  void operator()(const WorkerEnded& event) const { worker(event.worker).ended = event; }
  void operator()(const RunEnded& event) const { result.ended = event; }
};

}  // namespace

void RunResult::add(const RunEvent& event) { std::visit(Adder{*this}, event); }

bool graver(Verdict a, Verdict b) { return gravity(a) > gravity(b); }

std::vector<RequirementResult> by_requirement(const WorkerResult& worker) {
  std::vector<RequirementResult> results;
  std::map<std::string, std::size_t> place;
  const auto add = [&](const Requirement& requirement) {
    const auto [found, is_new] = place.emplace(requirement.id, results.size());
    if (is_new) results.push_back({.requirement = requirement, .verdict = {}, .cases = {}});
    return found->second;
  };
  for (const Requirement& requirement : worker.started.catalogue) add(requirement);
  for (std::size_t i = 0; i < worker.cases.size(); ++i) {
    const CaseEnded& one = worker.cases[i];
    for (const std::string& id : one.requirements) {
      Requirement unknown;
      unknown.id = id;
      unknown.level = one.level;
      RequirementResult& result = results[add(unknown)];
      result.cases.push_back(i);
      if (!result.verdict || graver(one.verdict, *result.verdict)) result.verdict = one.verdict;
    }
  }
  return results;
}

}  // namespace netns_lab
