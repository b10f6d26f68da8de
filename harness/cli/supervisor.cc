#include "harness/cli/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <list>
#include <utility>

#include "harness/base/deadline.h"
#include "harness/base/text.h"

namespace netns_lab::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kQuiet{2'000};           // nothing is said about what takes less
constexpr milliseconds kOrphanPatience{5'000};  // for labs whose worker is gone

// A worker under way and what is known of it.
struct Running {
  WorkerProcess process;
  std::optional<CaseStarted> open_case;
  Clock::time_point since = Clock::now();  // of the open case, else of the worker
  bool said_end = false;                   // its own WorkerEnded has come
};

class Supervisor {
 public:
  Supervisor(const SupervisorSpec& spec, const BatchSink& sink, const ProgressSink& progress)
      : spec_(spec), batch_sink_(sink), progress_(progress), waiting_(spec.jobs.begin(), spec.jobs.end()) {
    // Agents of a worker that died become our children, so that we can wait until their lab is really gone.
    owns_orphans_ = ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD && ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
    if (spec.deadline) deadline_ = Deadline::after(*spec.deadline);
  }
  ~Supervisor() {
    if (owns_orphans_) ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  Supervision run() {
    while (!running_.empty() || (!waiting_.empty() && !stopping())) {
      start_workers();
      if (!running_.empty()) wait_and_handle();
      flush();
    }
    for (const WorkerJob& job : waiting_) emit(WorkerEnded{job.number, stop_status(), "not started: " + stop_reason_});
    flush();
    await_orphans();
    return result_;
  }

 private:
  bool stopping() const { return result_.interrupted || result_.deadline_passed; }
  ExitStatus stop_status() const { return result_.interrupted ? ExitStatus::kInterrupted : ExitStatus::kDeadline; }

  void emit(RunEvent event) { batch_.push_back(std::move(event)); }
  void flush() {
    if (!batch_.empty()) batch_sink_(batch_);
    batch_.clear();
  }

  void start_workers() {
    while (!stopping() && !waiting_.empty() && running_.size() < static_cast<std::size_t>(std::max(1, spec_.at_once))) {
      const WorkerJob job = std::move(waiting_.front());
      waiting_.pop_front();
      auto process = WorkerProcess::start(job, signals_);
      if (process) {
        running_.push_back(Running{std::move(*process), std::nullopt, Clock::now(), false});
      } else {
        emit(WorkerEnded{job.number, ExitStatus::kHarnessBroke, process.error().message()});
      }
    }
  }

  void wait_and_handle() {
    std::vector<pollfd> polled{{.fd = signals_.fd(), .events = POLLIN, .revents = 0}};
    for (const Running& worker : running_) {
      polled.push_back({.fd = worker.process.events_fd(), .events = POLLIN, .revents = 0});
      polled.push_back({.fd = worker.process.process_fd(), .events = POLLIN, .revents = 0});
    }
    Deadline next = Deadline::after(std::max(milliseconds(0), next_progress() - now()));
    next = next.sooner_of(stopping() ? kill_at_ : deadline_);
    const int ready = ::poll(polled.data(), polled.size(), next.poll_timeout());
    if (ready < 0 && errno != EINTR) return;
    handle_signals();
    if (!stopping() && deadline_.passed()) {
      result_.deadline_passed = true;
      stop(fmt::format("the run's deadline of {:g} s passed", std::chrono::duration<double>(*spec_.deadline).count()));
    }
    if (stopping() && kill_at_.passed()) kill_all();
    std::size_t at = 1;
    for (auto worker = running_.begin(); worker != running_.end(); at += 2) {
      const bool has_ended = ready > 0 && polled[at + 1].revents != 0;
      if (ready > 0 && (polled[at].revents != 0 || has_ended)) take_events(*worker);
      if (has_ended) finish(*worker);
      worker = has_ended ? running_.erase(worker) : std::next(worker);
    }
    report_progress();
  }

  void handle_signals() {
    for (const int number : signals_.take()) {
      if (number == SIGCHLD) continue;  // pidfds and await_orphans tell the rest
      if (stopping()) {
        kill_all();
      } else {
        result_.interrupted = true;
        stop(number == SIGINT ? "interrupted" : number == SIGTERM ? "terminated by SIGTERM" : "the terminal hung up");
      }
    }
  }

  void stop(std::string reason) {
    stop_reason_ = std::move(reason);
    kill_at_ = Deadline::after(spec_.stop_grace);
    for (const Running& worker : running_) worker.process.signal(SIGTERM);
  }
  void kill_all() {
    kill_at_ = Deadline::never();
    for (const Running& worker : running_) worker.process.signal(SIGKILL);
  }

  void take_events(Running& worker) {
    for (const RunEvent& event : worker.process.take_events()) {
      if (const auto* started = std::get_if<CaseStarted>(&event)) {
        worker.open_case = *started;
        worker.since = Clock::now();
      }
      if (std::holds_alternative<CaseEnded>(event)) {
        worker.open_case.reset();
        worker.since = Clock::now();
      }
      if (std::holds_alternative<WorkerEnded>(event)) worker.said_end = true;
      emit(event);
    }
  }

  // What the worker could not say any more, said for it.
  void finish(Running& worker) {
    const int number = worker.process.number();
    const WorkerProcess::End end = worker.process.collect();
    const bool is_clean = worker.said_end && !worker.open_case && end.text.empty() && worker.process.garbage().empty();
    if (is_clean) return;
    std::string reason = stopping() ? stop_reason_ : "the worker " + end.text;
    if (!stopping() && end.text.empty()) {
      reason =
          worker.process.garbage().empty()
              ? fmt::format("the worker exited with status {} in the middle of its work", end.exit_code.value_or(-1))
              : "the worker's events could not be read: " + worker.process.garbage();
    }
    if (worker.open_case) {
      CaseEnded ended;
      ended.worker = number;
      ended.suite = worker.open_case->suite;
      ended.name = worker.open_case->name;
      ended.verdict = Verdict::kError;
      ended.message = reason;
      ended.evidence = stopping() ? "" : end.printed;
      ended.file = worker.open_case->file;
      ended.line = worker.open_case->line;
      ended.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - worker.since);
      reason += fmt::format(" while {}.{} was running", ended.suite, ended.name);
      emit(ended);
    } else if (!stopping() && !end.printed.empty()) {
      reason += "; it printed: " + visible(end.printed, 500);
    }
    if (worker.said_end && stopping()) return;
    emit(WorkerEnded{number, stopping() ? stop_status() : ExitStatus::kHarnessBroke, reason});
  }

  milliseconds now() const { return std::chrono::duration_cast<milliseconds>(Clock::now() - begin_); }
  milliseconds next_progress() const {
    return last_progress_ + (last_progress_ == milliseconds(0) ? kQuiet : 5 * kQuiet);
  }
  void report_progress() {
    if (now() < next_progress()) return;
    last_progress_ = std::max(now(), milliseconds(1));
    if (!progress_ || running_.empty()) return;
    const Running& oldest = *std::min_element(running_.begin(), running_.end(),
                                              [](const Running& a, const Running& b) { return a.since < b.since; });
    Progress progress;
    progress.total = spec_.jobs.size();
    progress.done = progress.total - running_.size() - waiting_.size();
    progress.running = oldest.process.label();
    if (oldest.open_case) progress.running += fmt::format(": {}.{}", oldest.open_case->suite, oldest.open_case->name);
    if (!oldest.process.progress().empty()) progress.running += ", " + oldest.process.progress();
    progress.elapsed = now();
    progress_(progress);
  }

  // The labs of workers end by themselves when their streams close; wait for that, so that nothing is left when the
  // command returns.
  void await_orphans() {
    if (!owns_orphans_) return;
    Deadline patience = Deadline::after(kOrphanPatience);
    while (true) {
      // Taken before looking: a child that ends in between is told again.
      for (const int number : signals_.take()) {
        if (number == SIGCHLD) continue;
        if (result_.interrupted) return;  // the second time: at once
        result_.interrupted = true;
      }
      const pid_t collected = ::waitpid(-1, nullptr, WNOHANG);
      if (collected < 0 && errno == ECHILD) return;
      if (collected > 0) continue;
      pollfd signal{.fd = signals_.fd(), .events = POLLIN, .revents = 0};
      if (patience.passed()) break;
      ::poll(&signal, 1, patience.poll_timeout());
    }
    result_.lab_left = true;
  }

  const SupervisorSpec& spec_;
  const BatchSink& batch_sink_;
  std::vector<RunEvent> batch_;
  const ProgressSink& progress_;
  SignalWatch signals_{SIGINT, SIGTERM, SIGHUP, SIGCHLD};
  IgnoreBrokenPipes pipes_;
  std::deque<WorkerJob> waiting_;
  std::list<Running> running_;
  Supervision result_;
  std::string stop_reason_;
  Deadline deadline_ = Deadline::never();
  Deadline kill_at_ = Deadline::never();
  Clock::time_point begin_ = Clock::now();
  milliseconds last_progress_{0};
  bool owns_orphans_ = false;
};

}  // namespace

Supervision supervise(const SupervisorSpec& spec, const BatchSink& sink, const ProgressSink& progress) {
  return Supervisor(spec, sink, progress).run();
}

}  // namespace netns_lab::cli
