// Runs workers, so many at a time, and tells what happens as one stream of events, whatever becomes of them: a case
// that was running when its worker died ends as an error, a worker always ends.
//
//        supervise()  --fork-->  worker 0: run_worker()  --lines of JSON-->  events  -> sink (record, JUnit, terminal)
//                     --fork-->  worker 1: …
//
// Signals: SIGINT, SIGTERM or SIGHUP once stops the workers (their labs end with them) and waits for that; a second one
// kills them at once. Threading: none; the calling process must have one thread, as it forks without executing.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/cli/worker_process.h"

namespace netns_lab::cli {

struct SupervisorSpec {
  std::vector<WorkerJob> jobs{};
  int at_once = 1;
  std::optional<std::chrono::milliseconds> deadline{};  // of the whole run
  std::chrono::milliseconds stop_grace{10'000};         // from asking a worker to stop to killing it
};

// What is running, after two seconds and then every ten; for standard error.
struct Progress {
  std::size_t done = 0;  // workers
  std::size_t total = 0;
  // "single-namespace, native, IPv4: SingleNamespace.HostReachesContainer", and how far that is where it says so
  std::string running;
  std::chrono::milliseconds elapsed{0};  // of the whole run
};
using ProgressSink = std::function<void(const Progress&)>;

struct Supervision {
  bool interrupted = false;  // a signal stopped it
  bool deadline_passed = false;
  bool lab_left = false;  // processes of a lab were still there 5 s after the last worker had ended
};

// Whatever has arrived since the last time, in order: to be written to disk once.
using BatchSink = std::function<void(std::span<const RunEvent>)>;

// Passes the workers' events on and, for those that end badly, the missing ones. RunStarted and RunEnded are the
// caller's.
Supervision supervise(const SupervisorSpec& spec, const BatchSink& sink, const ProgressSink& progress);

}  // namespace netns_lab::cli
