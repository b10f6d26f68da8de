// One worker: GoogleTest in a process of its own, for one (scenario, target, parameters, family) in one lab.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/lab/lab.h"
#include "harness/model/run_record.h"
#include "harness/model/scenario.h"
#include "harness/target/target.h"

namespace netns_lab {

struct WorkerSpec {
  int number = 0;
  const Scenario* scenario = nullptr;
  Target* target = nullptr;
  Family family = Family::kIpv4;
  Parameters parameters;  // complete: every parameter of the scenario has a value
  LabSpec lab;
  std::chrono::milliseconds step_limit{30'000};  // --timeout
  std::string filter;  // GoogleTest's syntax, over Suite.Case; a requirement id works too; "" all
  int repeat = 1;
  // The claims come in an order of that number's (1 to 99,999); none: in the order of the suite.
  std::optional<std::uint32_t> order;
  // Requirement ids and case names ("Suite.Case") that are known to fail with this target, and why. Their failure is a
  // `known-failure`, their pass a `fail`: the list is wrong then.
  std::map<std::string, std::string> known_failures;
  bool keep_on_failure = false;
};

using EventSink = std::function<void(const RunEvent&)>;
// How far the running case is, for whoever waits: "mesh: 312,000 of 999,000 pairs". No event: it is in no report.
// From any thread.
using ProgressText = std::function<void(const std::string&)>;

// Runs in the (forked, single-threaded) worker process; emits WorkerStarted, the cases, and WorkerEnded. Does not
// print.
ExitStatus run_worker(const WorkerSpec& spec, const LabServices& services, const EventSink& sink,
                      const ProgressText& show_progress);

// The event that a worker begins with.
WorkerStarted worker_started(const WorkerSpec& spec);

// Names of the cases that a scenario's suites hold, for `list` and for a filter that selects nothing.
std::vector<std::string> list_cases(const Scenario& scenario);

}  // namespace netns_lab
