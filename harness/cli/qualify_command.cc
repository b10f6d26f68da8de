// qualify: mutation testing of the suites. Is every broken target caught, by the requirement that is broken, in words
// that say so?
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "harness/base/deadline.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_status.h"
#include "harness/cli/faults.h"
#include "harness/cli/kill_table.h"
#include "harness/cli/observation.h"
#include "harness/cli/output.h"
#include "harness/cli/plan.h"
#include "harness/cli/report_directory.h"
#include "harness/cli/services.h"
#include "harness/cli/supervisor.h"
#include "harness/model/judgement.h"
#include "harness/model/run_result.h"
#include "harness/testing/worker.h"
#include "reports/record.h"

namespace netns_lab::cli {
namespace {

using Observed = Result<std::vector<std::string>>;

const Scenario& scenario_of(const Fault& fault, const std::vector<Scenario>& scenarios) {
  return *std::find_if(scenarios.begin(), scenarios.end(),
                       [&](const Scenario& scenario) { return scenario.name == fault.scenario; });
}

// One worker for a target of a scenario. `plan` keeps the target.
Result<PlannedWorker> plan_one(const std::string& target, const Scenario& scenario,
                               const std::vector<Scenario>& scenarios, std::vector<Plan>& plans) {
  Arguments arguments;
  arguments.scenarios = {scenario.name};
  arguments.targets = {target};
  NETNS_LAB_ASSIGN(Plan plan, make_plan(arguments, scenarios));
  PlannedWorker worker = plan.workers.front();
  plans.push_back(std::move(plan));
  return worker;
}

struct Work {
  std::vector<Plan> plans;                     // what the workers are borrowed from
  std::map<std::string, PlannedWorker> right;  // by scenario
  std::vector<PlannedWorker> broken;           // as the faults
};

Result<Work> plan_all(const std::string& fixtures, const std::vector<Fault>& faults,
                      const std::vector<Scenario>& scenarios) {
  Work work;
  for (const Fault& fault : faults) {
    const Scenario& scenario = scenario_of(fault, scenarios);
    if (work.right.count(fault.scenario) == 0) {
      NETNS_LAB_ASSIGN(PlannedWorker right, plan_one(fmt::format("script:{}/scenarios/{}", fixtures, scenario.name),
                                                     scenario, scenarios, work.plans));
      work.right.emplace(fault.scenario, std::move(right));
    }
    NETNS_LAB_ASSIGN(PlannedWorker broken, plan_one(fault.target, scenario, scenarios, work.plans));
    work.broken.push_back(std::move(broken));
  }
  return work;
}

// Calls `each` with 0 … count-1, so many at a time.
void side_by_side(std::size_t count, int at_once, const std::function<void(std::size_t)>& each) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) each(i);
  };
  std::vector<std::thread> helpers;
  for (int i = 1; i < at_once; ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
}

std::vector<Observed> observe_all(const std::vector<Fault>& faults, const Work& work, const Arguments& arguments,
                                  int at_once, const LabServices& services) {
  std::map<std::string, Steps> needed;
  for (const Fault& fault : faults)
    needed[fault.scenario] = std::max(needed[fault.scenario], steps_for(fault.took_hold));
  std::map<std::string, Result<Observation>> right;
  for (const auto& [scenario, planned] : work.right)
    right.emplace(scenario, observe(planned, arguments.fault_limit, needed[scenario], services));
  std::vector<Observed> observed(faults.size());
  side_by_side(faults.size(), at_once, [&](std::size_t i) {
    const Result<Observation>& base = right.at(faults[i].scenario);
    const Steps steps = steps_for(faults[i].took_hold);
    const auto seen = base ? observe(work.broken[i], arguments.fault_limit, steps, services) : base;
    observed[i] = seen ? Observed(peculiarities(*base, *seen, steps)) : tl::unexpected(seen.error());
  });
  return observed;
}

std::vector<WorkerJob> jobs_of(const std::vector<Fault>& faults, const Work& work, const Arguments& arguments,
                               const LabServices& services) {
  std::vector<WorkerJob> jobs;
  for (std::size_t i = 0; i < faults.size(); ++i) {
    const PlannedWorker& planned = work.broken[i];
    WorkerSpec spec;
    spec.number = static_cast<int>(i);
    spec.scenario = planned.scenario;
    spec.lab.nodes = static_cast<int>(spec.scenario->nodes());
    spec.lab.underlay = spec.scenario->underlay;
    spec.target = planned.target;
    spec.family = planned.family;
    spec.parameters = planned.parameters;
    spec.step_limit = arguments.fault_limit;
    WorkerJob job;
    job.number = spec.number;
    job.label = faults[i].scenario + "/" + faults[i].name;
    job.body = [spec, &services](const EventSink& sink, const ProgressText& show) {
      return run_worker(spec, services, sink, show);
    };
    jobs.push_back(std::move(job));
  }
  return jobs;
}

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc);
  file << text;
  file.close();
  if (file) return {};
  return tl::unexpected(Error::system("write " + path, errno));
}

// Of the faults only what is not killed counts against the suites; of the workers only what went wrong with the lab.
ExitStatus status_of(const std::vector<Kill>& kills, const Supervision& supervision) {
  std::vector<ExitStatus> statuses{ExitStatus::kConformant};
  if (supervision.interrupted) statuses.push_back(ExitStatus::kInterrupted);
  if (supervision.deadline_passed) statuses.push_back(ExitStatus::kDeadline);
  if (supervision.lab_left) statuses.push_back(ExitStatus::kHarnessBroke);
  for (const Kill& kill : kills) {
    if (!kill.is_killed()) statuses.push_back(ExitStatus::kNotConformant);
    if (kill.status != ExitStatus::kConformant && kill.status != ExitStatus::kNotConformant)
      statuses.push_back(kill.status);
  }
  return worst(statuses);
}

}  // namespace

ExitStatus run_qualify(const Arguments& arguments, const std::vector<Scenario>& scenarios) {
  const auto fixtures = find_fixtures(arguments.fixtures);
  if (!fixtures) return complain(fixtures.error());
  const auto faults = read_faults(*fixtures, arguments.scenarios, scenarios);
  if (!faults) return complain(faults.error());
  if (faults->empty()) return complain(ExitStatus::kNothingRan, "qualify: there are no faults in " + *fixtures);
  const auto work = plan_all(*fixtures, *faults, scenarios);
  if (!work) return complain(work.error());
  const auto directory = ReportDirectory::open(arguments.report_directory);
  if (!directory) return complain(directory.error());
  auto record = reports::RecordWriter::create(directory->file("record.jsonl"));
  if (!record) return complain(directory->refused(record.error()));

  const Deadline deadline = arguments.deadline ? Deadline::after(*arguments.deadline) : Deadline::never();
  const LabServices services = lab_services();
  const int at_once =
      arguments.jobs > 0 ? arguments.jobs : static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 4U));
  say(fmt::format("{} faults: observing whether each takes hold", faults->size()));
  const std::vector<Observed> observed = observe_all(*faults, *work, arguments, at_once, services);

  say(fmt::format("{} faults: judging", faults->size()));
  SupervisorSpec spec;
  spec.jobs = jobs_of(*faults, *work, arguments, services);
  spec.at_once = at_once;
  if (arguments.deadline) spec.deadline = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left());
  RunResult result;
  Result<void> written;
  const Supervision supervision = supervise(
      spec,
      [&](std::span<const RunEvent> events) {
        for (const RunEvent& event : events) {
          result.add(event);
          if (auto put = record->write(event); !put && written) written = put;
        }
      },
      [](const Progress& progress) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(progress.elapsed).count();
        say(fmt::format("{} s: {} of {} faults judged, running {}", seconds, progress.done, progress.total,
                        progress.running));
      });

  std::vector<Kill> kills;
  for (std::size_t i = 0; i < faults->size(); ++i)
    kills.push_back(judge_fault((*faults)[i], result.workers[static_cast<int>(i)], observed[i]));
  const ExitStatus status = status_of(kills, supervision);
  const std::string json = kill_json(kills, status);
  if (arguments.json) {
    print(json);
  } else {
    for (const Kill& kill : kills) print(kill_line(kill));
    print("\n" + kill_summary(kills) + "report in " + directory->path() + "\n");
  }
  if (written) written = write_file(directory->file("qualify.json"), json);
  if (written) written = write_file(directory->file("qualify.md"), kill_markdown(kills));
  if (written) return status;
  complain(written.error());
  const std::vector<ExitStatus> both{status, ExitStatus::kHarnessBroke};
  return worst(both);
}

}  // namespace netns_lab::cli
