// test: build, judge, tear down, report.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "harness/base/build_id.h"
#include "harness/base/deadline.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/event_order.h"
#include "harness/cli/exit_status.h"
#include "harness/cli/kernel_matrix.h"
#include "harness/cli/known_failures.h"
#include "harness/cli/lab_choice.h"
#include "harness/cli/machine.h"
#include "harness/cli/machine_witness.h"
#include "harness/cli/output.h"
#include "harness/cli/plan.h"
#include "harness/cli/report_directory.h"
#include "harness/cli/services.h"
#include "harness/cli/supervisor.h"
#include "harness/model/judgement.h"
#include "harness/model/run_result.h"
#include "harness/testing/worker.h"
#include "reports/junit.h"
#include "reports/record.h"
#include "reports/run_json.h"
#include "reports/terminal.h"

namespace netns_lab::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Everything that is made of a run's events. What cannot be written is remembered once; the run goes on.
class Reports {
 public:
  Reports(ReportDirectory directory, reports::RecordWriter record, reports::JunitFile junit, bool json)
      : directory_(std::move(directory)),
        record_(std::move(record)),
        junit_(std::move(junit)),
        printer_(std::cout, {.colour = wants_colour(STDOUT_FILENO) ? reports::Colour::kOn : reports::Colour::kOff,
                             .report = directory_.path()}),
        order_([this](const RunEvent& event) { printer_.add(event); }),
        json_(json) {}
  Reports(const Reports&) = delete;
  Reports& operator=(const Reports&) = delete;

  static Result<std::unique_ptr<Reports>> open(const std::string& path, bool json) {
    NETNS_LAB_ASSIGN(ReportDirectory directory, ReportDirectory::open(path));
    auto record = reports::RecordWriter::create(directory.file("record.jsonl"));
    if (!record) return tl::unexpected(directory.refused(record.error()));
    auto junit = reports::JunitFile::create(directory.file("junit.xml"));
    if (!junit) return tl::unexpected(directory.refused(junit.error()));
    return std::make_unique<Reports>(std::move(directory), *std::move(record), *std::move(junit), json);
  }

  void add(std::span<const RunEvent> events) {
    for (const RunEvent& event : events) {
      result_.add(event);
      junit_.add(event);
      remember(record_.write(event));
      if (!json_) order_(event);
    }
    remember(junit_.write());
  }
  // What an earlier run kept by that name.
  void forget(const std::string& name) const { ::unlink(directory_.file(name).c_str()); }
  // Evidence: a file of the report directory.
  void keep(const std::string& name, const std::string& text) {
    if (text.empty()) return;
    std::ofstream file(directory_.file(name), std::ios::binary);
    file << text;
    file.close();
    if (!file) remember(tl::unexpected(Error::system("write " + directory_.file(name), errno)));
  }
  void finish() {
    if (json_) print(reports::run_json(result_));
    std::cout << std::flush;
  }
  const RunResult& result() const { return result_; }
  const std::optional<Error>& failure() const { return failure_; }

 private:
  void remember(const Result<void>& written) {
    if (!written && !failure_) failure_ = written.error();
  }

  ReportDirectory directory_;
  reports::RecordWriter record_;
  reports::JunitFile junit_;
  reports::TerminalPrinter printer_;
  EventOrder order_;
  RunResult result_;
  std::optional<Error> failure_;
  bool json_;
};

int workers_at_once(const Arguments& arguments, const LabSpec& lab) {
  // Workers in one and the same network namespace would claim the same names.
  if (!lab.name.empty() || lab.provider == Provider::kHost) return 1;
  if (arguments.jobs > 0) return arguments.jobs;
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 4U));
}

// A run in the making: what all its labs share.
struct Run {
  const Arguments& arguments;
  const Plan& plan;
  const std::vector<KnownFailure>& known;
  Deadline deadline;
  Reports& reports;
  Supervision supervision{};  // of all labs so far
  int workers = 0;            // so far
  std::uint32_t seed = 0;     // of the claims' order; 0: as the suites have it
};

std::vector<WorkerSpec> workers_of(const Run& run, const LabSpec& lab) {
  std::vector<WorkerSpec> workers;
  for (const PlannedWorker& planned : run.plan.workers) {
    WorkerSpec spec;
    spec.number = run.workers + static_cast<int>(workers.size());
    spec.scenario = planned.scenario;
    spec.target = planned.target;
    spec.family = planned.family;
    spec.parameters = planned.parameters;
    spec.lab = lab;
    spec.lab.nodes = static_cast<int>(planned.scenario->nodes());
    spec.lab.segment = spec.number * kMostFreshLabs;
    spec.lab.underlay = planned.scenario->underlay;
    spec.step_limit = run.arguments.step_limit;
    spec.filter = run.arguments.filter;
    spec.repeat = run.arguments.repeat;
    spec.known_failures = of_target(run.known, planned.target->name());
    if (run.seed != 0) spec.order = run.seed;
    spec.keep_on_failure = run.arguments.keep_on_failure;
    workers.push_back(std::move(spec));
  }
  return workers;
}

std::vector<WorkerJob> jobs_of(const Plan& plan, const std::vector<WorkerSpec>& workers, const LabServices& services) {
  std::vector<WorkerJob> jobs;
  for (const WorkerSpec& spec : workers) {
    WorkerJob job;
    job.number = spec.number;
    job.label = plan.workers[static_cast<std::size_t>(spec.number) % plan.workers.size()].label();
    job.body = [spec, &services](const EventSink& sink, const ProgressText& show) {
      return run_worker(spec, services, sink, show);
    };
    jobs.push_back(std::move(job));
  }
  return jobs;
}

RunEvent run_started(const std::vector<std::string>& command) {
  RunStarted started;
  started.build = build_id();
  started.command = command;
  started.time_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  return started;
}

void tell_progress(const Progress& progress) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(progress.elapsed).count();
  say(fmt::format("{} s: {} of {} workers done, running {}", seconds, progress.done, progress.total, progress.running));
}

// --keep-on-failure: what stands there now, for whoever wants to look. As the worker decides it (LabEnvironment).
void tell_what_is_kept(const Plan& plan, const LabSpec& lab, const RunResult& result) {
  for (const auto& [number, worker] : result.workers) {
    const auto failed = [](const CaseEnded& one) {
      return one.verdict == Verdict::kFail || one.verdict == Verdict::kError;
    };
    if (std::none_of(worker.cases.begin(), worker.cases.end(), failed)) continue;
    const PlannedWorker& planned = plan.workers.at(static_cast<std::size_t>(number) % plan.workers.size());
    say(fmt::format("kept in lab {}: what {} built ({}): namespace {}; link {}", lab.name, planned.target->name(),
                    to_string(planned.family), join(planned.topology().namespaces, ", "),
                    join(planned.topology().links, ", ")));
    for (const std::string& line : split_lines(look_around(lab, planned.topology()))) say("  " + line);
    return;  // nothing else could be built beside it
  }
}

RunEnded run_ended(const Supervision& supervision, const Arguments& arguments, const RunResult& result) {
  std::vector<ExitStatus> statuses{judge(result)};
  RunEnded ended;
  if (supervision.interrupted) {
    statuses.push_back(ExitStatus::kInterrupted);
    ended.message = "interrupted";
  } else if (supervision.deadline_passed) {
    statuses.push_back(ExitStatus::kDeadline);
    ended.message =
        fmt::format("the deadline of {:g} s passed",
                    std::chrono::duration<double>(arguments.deadline.value_or(std::chrono::milliseconds(0))).count());
  }
  if (supervision.lab_left) {
    statuses.push_back(ExitStatus::kHarnessBroke);
    if (!ended.message.empty()) ended.message += "; ";
    ended.message += "processes of a lab were still there 5 s after its worker had ended";
  }
  ended.status = worst(statuses);
  return ended;
}

// What becomes of workers that were never begun.
std::vector<RunEvent> none_started(const std::vector<WorkerSpec>& workers, ExitStatus status, const std::string& why) {
  std::vector<RunEvent> events;
  for (const WorkerSpec& worker : workers) {
    events.push_back(worker_started(worker));
    events.push_back(WorkerEnded{worker.number, status, why});
  }
  return events;
}

// --no-skip, and what is known of the machine.
void add_events(Run& run, const LabSpec& lab, MachineReporter& with_cause, std::span<const RunEvent> events) {
  if (!run.arguments.no_skip && !is_virtual_machine(lab.provider)) return run.reports.add(events);
  std::vector<RunEvent> told;
  for (const RunEvent& event : events) {
    told.push_back(with_cause(run.arguments.no_skip ? without_skip(event) : event));
  }
  run.reports.add(told);
}

// As many machines as the largest scenario has nodes.
Result<void> boot(LabSpec lab, const Plan& plan, Deadline deadline, MachineWitness& witness,
                  std::optional<RunMachines>& machines) {
  for (const PlannedWorker& worker : plan.workers)
    lab.nodes = std::max(lab.nodes, static_cast<int>(worker.scenario->nodes()));
  NETNS_LAB_ASSIGN(witness, MachineWitness::create(lab.nodes));
  NETNS_LAB_ASSIGN(RunMachines booted, RunMachines::start(lab, witness, deadline));
  machines.emplace(std::move(booted));
  return {};
}

// A scenario that needs more nodes than the lab has: an error where it was named, else it is left out, and told.
Result<void> fit_to_lab(Plan& plan, const Arguments& arguments, const LabSpec& lab) {
  std::vector<std::string> left_out;
  for (auto worker = plan.workers.begin(); worker != plan.workers.end();) {
    LabSpec wanted = lab;
    wanted.nodes = static_cast<int>(worker->scenario->nodes());
    Result<void> fits = check_nodes(wanted);
    if (fits && !lab.name.empty() && wanted.nodes > nodes_of_named(lab.name)) {
      fits = tl::unexpected(Error::missing(
          fmt::format("lab {} for scenario {}", lab.name, worker->scenario->name),
          fmt::format("{} nodes are needed, it has {}", wanted.nodes, nodes_of_named(lab.name)),
          fmt::format("netns-lab destroy{0}, then netns-lab up{0} --nodes {1}{2}", lab_options(lab), wanted.nodes,
                      worker->scenario->underlay == Underlay::kRouted ? " --routed" : "")));
    }
    const Underlay underlay = worker->scenario->underlay;
    if (fits && !lab.name.empty() && wanted.nodes > 1 && underlay != underlay_of_named(lab.name)) {
      const bool routed = underlay == Underlay::kRouted;
      fits = tl::unexpected(Error::missing(
          fmt::format("lab {} for scenario {}", lab.name, worker->scenario->name),
          routed ? "its nodes are on one segment, and each needs one of its own" : "its nodes are not on one segment",
          fmt::format("netns-lab destroy{0}, then netns-lab up{0} --nodes {1}{2}", lab_options(lab), wanted.nodes,
                      routed ? " --routed" : "")));
    }
    if (!fits && !arguments.scenarios.empty()) return fits;
    if (!fits && (left_out.empty() || left_out.back() != worker->scenario->name)) {
      left_out.push_back(worker->scenario->name);
      say(fmt::format("scenario {} is left out: {}", worker->scenario->name, fits.error().message()));
    }
    worker = fits ? worker + 1 : plan.workers.erase(worker);
  }
  return {};
}

// Where there is one node only, the claims that tear the network down must come last.
Result<void> check_shuffle(const Arguments& arguments, const LabSpec& lab) {
  if ((!arguments.shuffle && arguments.seed == 0) || lab.provider != Provider::kHost) return {};
  return tl::unexpected(Error::invalid("--shuffle", "on this machine's own network what tears it down must come last",
                                       "leave it out, or use --lab sandbox"));
}

std::uint32_t seed_of(const Arguments& arguments) {
  if (arguments.seed != 0 || !arguments.shuffle) return arguments.seed;
  std::random_device source;
  return std::uniform_int_distribution<std::uint32_t>(1, 99'999)(source);
}

// Every worker of the plan, in this lab.
void judge_in(LabSpec lab, Run& run) {
  const bool has_machine = lab.provider == Provider::kQemu && lab.name.empty();
  const bool stands = is_virtual_machine(lab.provider) && !lab.name.empty();
  MachineWitness witness = stands ? MachineWitness::of_named(lab.name) : MachineWitness();
  const std::size_t before = static_cast<std::size_t>(run.workers) / run.plan.workers.size();  // kernels
  const std::string console_log = before == 0 ? kConsoleLog : fmt::format("console-{}.log", before + 1);
  run.reports.forget(console_log);
  MachineReporter with_cause(witness, console_log);
  std::optional<RunMachines> machines;  // for all workers
  const bool is_stopped = run.supervision.interrupted || run.supervision.deadline_passed;
  Result<void> booted;
  if (has_machine && !is_stopped) booted = boot(lab, run.plan, run.deadline, witness, machines);
  if (machines) lab.node_kernel = machines->kernel();
  const LabServices services = lab_services(machines ? &*machines : nullptr);
  const std::vector<WorkerSpec> workers = workers_of(run, lab);
  run.workers += static_cast<int>(workers.size());
  if (is_stopped) {
    const ExitStatus status = run.supervision.interrupted ? ExitStatus::kInterrupted : ExitStatus::kDeadline;
    run.reports.add(none_started(workers, status, "not started: the run had been stopped"));
    return;
  }
  if (!booted) {
    run.supervision.deadline_passed = run.deadline.passed();
    const ExitStatus status = run.deadline.passed() ? ExitStatus::kDeadline : exit_status_of(booted.error());
    run.reports.add(none_started(workers, status, booted.error().message()));
    complain(booted.error());
  } else {
    SupervisorSpec spec;
    spec.jobs = jobs_of(run.plan, workers, services);
    spec.at_once = workers_at_once(run.arguments, lab);
    if (run.arguments.deadline) {
      spec.deadline = std::chrono::duration_cast<std::chrono::milliseconds>(run.deadline.left());
    }
    const Supervision ended = supervise(
        spec, [&](std::span<const RunEvent> events) { add_events(run, lab, with_cause, events); }, &tell_progress);
    run.supervision.interrupted |= ended.interrupted;
    run.supervision.deadline_passed |= ended.deadline_passed;
    run.supervision.lab_left |= ended.lab_left;
  }
  if (!booted || with_cause.has_error()) run.reports.keep(console_log, witness.console_text());
}

// Nothing is judged. Who reads JSON is told so in JSON, too.
ExitStatus refuse(const Arguments& arguments, Clock::time_point begin, const Error& error) {
  if (arguments.json) {
    RunEnded ended;
    ended.status = exit_status_of(error);
    ended.message = error.message();
    ended.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
    RunResult nothing;
    nothing.add(ended);
    print(reports::run_json(nothing));
  }
  return complain(error);
}

}  // namespace

ExitStatus run_test(const Arguments& arguments, const std::vector<std::string>& command,
                    const std::vector<Scenario>& scenarios) {
  const Clock::time_point begin = Clock::now();
  const Deadline deadline = arguments.deadline ? Deadline::after(*arguments.deadline) : Deadline::never();
  auto plan = make_plan(arguments, scenarios);
  if (!plan) return refuse(arguments, begin, plan.error());
  std::vector<KnownFailure> known;
  if (!arguments.known_failures.empty()) {
    auto read = read_known_failures(arguments.known_failures, scenarios);
    if (!read) return refuse(arguments, begin, read.error());
    known = *std::move(read);
  }
  const auto lab = choose_lab(arguments);
  if (!lab) return refuse(arguments, begin, lab.error());
  if (lab->name_unused && arguments.lab_name != kDefaultLabName) {
    LabSpec named = lab->spec;
    named.name = arguments.lab_name;
    say(fmt::format("lab {} is not up: judging in a private lab (netns-lab up{} makes it)", named.name,
                    lab_options(named)));
  }
  if (const auto fits = fit_to_lab(*plan, arguments, lab->spec); !fits) return refuse(arguments, begin, fits.error());
  if (arguments.keep_on_failure && lab->spec.name.empty()) {
    LabSpec named = lab->spec;
    named.name = arguments.lab_name.empty() ? kDefaultLabName : arguments.lab_name;
    return refuse(arguments, begin,
                  Error::invalid("--keep-on-failure", "a private lab ends with the run, there is nothing to keep",
                                 fmt::format("make a lab first: netns-lab up --lab {0} --name {1}; then add --name {1}",
                                             to_string(named.provider), named.name)));
  }
  if (const auto may = check_shuffle(arguments, lab->spec); !may) return refuse(arguments, begin, may.error());
  const auto labs = labs_for_kernels(lab->spec, arguments.kernels);
  if (!labs) return refuse(arguments, begin, labs.error());
  const auto opened = Reports::open(arguments.report_directory, arguments.json);
  if (!opened) return refuse(arguments, begin, opened.error());
  Reports& reports = **opened;

  const RunEvent started = run_started(command);
  reports.add(std::span(&started, 1));
  Run run{.arguments = arguments, .plan = *plan, .known = known, .deadline = deadline, .reports = reports};
  run.seed = seed_of(arguments);
  for (const LabSpec& one : *labs) judge_in(one, run);

  RunEnded ended = run_ended(run.supervision, arguments, reports.result());
  ended.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  const ExitStatus status = ended.status;
  const RunEvent last = ended;
  reports.add(std::span(&last, 1));
  reports.finish();
  if (!ended.message.empty()) complain(status, ended.message);
  if (arguments.keep_on_failure) tell_what_is_kept(*plan, lab->spec, reports.result());
  if (reports.failure()) {
    complain(*reports.failure());
    const std::vector<ExitStatus> both{status, ExitStatus::kHarnessBroke};
    return worst(both);
  }
  return status;
}

}  // namespace netns_lab::cli
