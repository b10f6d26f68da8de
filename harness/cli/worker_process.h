// One worker as the supervisor sees it: a forked process that tells what happens as lines of JSON through a pipe: an
// object is an event, a string says how far it is.
//
// The process is not executed anew, so it starts in less than a millisecond and shares the supervisor's memory. It
// leads a process group of its own (a Ctrl-C of the terminal reaches the supervisor alone), dies with the supervisor
// (PR_SET_PDEATHSIG), and what it prints is kept aside: shown only when it ends badly.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/cli/signals.h"
#include "harness/model/run_record.h"

namespace netns_lab::cli {

using EventSink = std::function<void(const RunEvent&)>;

struct WorkerJob {
  int number = 0;
  std::string label;  // "single-namespace, native, IPv4"
  // What the worker does, in its own process; the second takes how far it is.
  std::function<ExitStatus(const EventSink&, const std::function<void(const std::string&)>&)> body;
};

class WorkerProcess {
 public:
  static Result<WorkerProcess> start(const WorkerJob& job, const SignalWatch& signals);
  WorkerProcess(WorkerProcess&&) noexcept = default;
  WorkerProcess& operator=(WorkerProcess&&) noexcept = default;
  ~WorkerProcess();  // one that is still running is killed and waited for

  int number() const { return number_; }
  const std::string& label() const { return label_; }
  int events_fd() const { return events_.get(); }    // POLLIN: events, or the end of them
  int process_fd() const { return process_.get(); }  // POLLIN: it has ended

  // What has arrived; never waits. What cannot be understood is left out and remembered in `garbage`.
  std::vector<RunEvent> take_events();
  bool events_ended() const { return !events_.valid(); }
  const std::string& garbage() const { return garbage_; }
  // How far it is with the last thing that it told an event of; "" when it did not say.
  const std::string& progress() const { return progress_; }

  void signal(int number) const;
  // Collects the dead process: how it ended, "" when it exited with 0 to 5 (its own exit status).
  struct End {
    std::optional<int> exit_code;
    std::string text;     // "was killed by SIGSEGV"
    std::string printed;  // the last of what it printed, made visible
  };
  End collect();

 private:
  WorkerProcess() = default;
  int number_ = 0;
  std::string label_;
  pid_t pid_ = 0;  // 0 once collected
  UniqueFd process_;
  UniqueFd events_;
  UniqueFd printed_;
  std::string buffer_;
  std::string garbage_;
  std::string progress_;
};

}  // namespace netns_lab::cli
