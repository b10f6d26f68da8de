#include "harness/testing/worker_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "harness/base/text.h"
#include "harness/testing/lab_error.h"

namespace netns_lab {
namespace {

// The one piece of global state: GoogleTest's factories take no argument. Set by WorkerContext::Scope for the time of
// run_worker.
WorkerContext* current_context = nullptr;

}  // namespace

WorkerContext::WorkerContext(const WorkerSpec& worker_spec, const LabServices& lab_services, EventSink event_sink)
    : spec(worker_spec),
      services(lab_services),
      sink(std::move(event_sink)),
      book(worker_spec.scenario->requirements),
      order(book, worker_spec.order.has_value()),
      selection(worker_spec.filter, worker_spec.scenario->requirements) {}

void WorkerContext::lab_failed(Error error) {
  if (running && !running->lab_error) running->lab_error = error;
  const bool worse = !worst_lab_error || error.kind == ErrorKind::kInternal;
  if (worse) worst_lab_error = error;
  throw LabError(std::move(error));
}

void WorkerContext::announce_running() {
  if (!running || running_announced) return;
  running_announced = true;
  CaseStarted started;
  started.worker = spec.number;
  started.suite = running->suite;
  started.name = running->name;
  started.file = running->file;
  started.line = running->line;
  started.time_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  sink(started);
}

void add_once(std::vector<std::string>& lines, const std::string& line) {
  if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
}

std::string WorkerContext::slow_text() const {
  std::vector<std::string> all = notes;
  if (!untied.empty()) all.insert(all.begin(), untied_text());
  if (kernel_late.count() > 0) all.insert(all.begin(), kernel_text());
  if (slow_replies > 0) all.insert(all.begin(), replies_text());
  return join(all, "; ");
}

std::string WorkerContext::untied_text() const {
  constexpr std::size_t kTold = 5;
  return fmt::format(
      "this machine has changed, whether by the target or by somebody else nobody can tell: it does not count "
      "(--lab sandbox tells): {}",
      join_first(untied, kTold));
}

std::string WorkerContext::replies_text() const {
  return fmt::format(
      "slow: {} replies came after their time, for which this machine, too busy to run the probe for {} ms, "
      "is to blame and not the network: they count as answered",
      slow_replies, std::chrono::duration_cast<std::chrono::milliseconds>(longest_starved).count());
}

std::string WorkerContext::kernel_text() const {
  return fmt::format(
      "slow: the kernel was {} ms late with what it puts off (putting IPv6 addresses in use, reaping namespaces), for "
      "which other work of this machine is to blame and not the network: it was waited for",
      kernel_late.count());
}

WorkerContext* WorkerContext::current() { return current_context; }

WorkerContext::Scope::Scope(WorkerContext& context) { current_context = &context; }
WorkerContext::Scope::~Scope() { current_context = nullptr; }

}  // namespace netns_lab
