#include "reports/run_json.h"

#include "harness/model/json.h"
#include "harness/model/json_support.h"
#include "harness/model/judgement.h"

namespace netns_lab::reports {
namespace {

using json_support::encode;
using nlohmann::json;

json counts_json(const Counts& counts) {
  return {{"passed", counts.passed},   {"failed", counts.failed}, {"failed_below_must", counts.failed_lower},
          {"skipped", counts.skipped}, {"errors", counts.errors}, {"known_failures", counts.known_failures}};
}

std::string case_name(const CaseEnded& one) { return one.suite + "." + one.name; }

json requirement_json(const RequirementResult& result, const WorkerResult& worker) {
  json cases = json::array();
  for (const std::size_t index : result.cases) cases.push_back(encode(case_name(worker.cases[index])));
  return {{"id", encode(result.requirement.id)},
          {"level", encode(result.requirement.level)},
          {"text", encode(result.requirement.text)},
          {"source", encode(result.requirement.source)},
          {"verdict", result.verdict ? encode(*result.verdict) : json(nullptr)},
          {"cases", std::move(cases)}};
}

json case_json(const CaseEnded& one) {
  json out = encode(one);
  out.erase("worker");
  return out;
}

json worker_json(const WorkerResult& worker) {
  const ExitStatus status = judge(worker);
  json requirements = json::array();
  for (const RequirementResult& result : by_requirement(worker))
    requirements.push_back(requirement_json(result, worker));
  json cases = json::array();
  for (const CaseEnded& one : worker.cases) cases.push_back(case_json(one));
  json running = json::array();
  for (const CaseStarted& one : worker.running) running.push_back(encode(one.suite + "." + one.name));
  json out = encode(worker.started);
  out.erase("catalogue");
  out["status"] = encode(status);
  out["verdict"] = to_string(status);
  out["message"] = worker.ended ? encode(worker.ended->message) : json("the worker never ended");
  out["counts"] = counts_json(count(worker));
  out["requirements"] = std::move(requirements);
  out["cases"] = std::move(cases);
  out["not_finished"] = std::move(running);
  return out;
}

}  // namespace

std::string run_json(const RunResult& run) {
  const ExitStatus status = run.ended ? run.ended->status : judge(run);
  json workers = json::array();
  for (const auto& [number, worker] : run.workers) workers.push_back(worker_json(worker));
  const json out{{"build", run.started ? encode(run.started->build) : json(nullptr)},
                 {"command", run.started ? encode(run.started->command) : json(nullptr)},
                 {"status", encode(status)},
                 {"verdict", to_string(status)},
                 {"message", run.ended ? encode(run.ended->message) : json("the run never ended")},
                 {"duration_us", run.ended ? encode(run.ended->duration) : json(nullptr)},
                 {"counts", counts_json(count(run))},
                 {"workers", std::move(workers)}};
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace netns_lab::reports
