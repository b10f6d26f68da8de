// What one worker process is about. GoogleTest makes fixtures and generators without arguments, so they find it through
// current().
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "harness/testing/case_record.h"
#include "harness/testing/claim_order.h"
#include "harness/testing/requirement_book.h"
#include "harness/testing/selection.h"
#include "harness/testing/worker.h"

namespace netns_lab {

class LabEnvironment;

// Repeated rounds tell the same.
void add_once(std::vector<std::string>& lines, const std::string& line);

struct WorkerContext {
  WorkerContext(const WorkerSpec& worker_spec, const LabServices& lab_services, EventSink event_sink);

  const WorkerSpec& spec;
  const LabServices& services;
  EventSink sink;
  ProgressText show_progress = [](const std::string&) {};
  std::vector<Topology> topologies;  // of each node
  RequirementBook book;
  ClaimOrder order;
  Selection selection;
  LabEnvironment* environment = nullptr;  // of the running repetition; GoogleTest owns it
  std::unique_ptr<CaseRecord> running;    // the case that runs now
  bool running_announced = false;         // its CaseStarted has been emitted
  std::optional<Error> worst_lab_error;   // decides the exit status
  bool set_up_failed = false;             // that error came from the set-up
  bool any_failed = false;                // a case failed or broke
  std::string broke;                      // what failed while no case ran; "" nothing did
  std::size_t slow_replies = 0;           // those that a busy machine made come late (Echo::slow)
  std::chrono::nanoseconds longest_starved{0};
  std::chrono::milliseconds kernel_late{0};  // Subject::late, at the most

  std::vector<std::string> untied;  // changes of this machine that may be the target's or anybody's
  std::vector<std::string> notes;   // what cases tell of this machine, whatever their verdict (ConformanceTest::tell)

  // What is told of these; "" when there is nothing.
  std::string slow_text() const;

  // Of the scenario: that the target reports that it built the network.
  std::string build_requirement() const { return spec.scenario->name + ".build"; }

  std::string untied_text() const;   // of untied
  std::string replies_text() const;  // of slow_replies
  std::string kernel_text() const;   // of kernel_late

  // Marks the running case (if any) as `error` and throws LabError.
  [[noreturn]] void lab_failed(Error error);
  void announce_running();  // emits CaseStarted, once

  // The worker of this process; nullptr outside of run_worker.
  static WorkerContext* current();
  // Makes `context` the current one for as long as it lives.
  class Scope {
   public:
    explicit Scope(WorkerContext& context);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };
};

}  // namespace netns_lab
