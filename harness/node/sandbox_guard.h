// The guard of a lab: the process that makes the lab's other processes, ends them when the lab's user is gone, and is
// ended with them.
//
//   NETNS_LAB_TRY(launch_guard({.user_namespace = true, .ready_reports = 2, .deadline = …,
//                               .guard = [&](const GuardFacts& facts) { …fork children…; watch_over(facts, children);
//                               return 0; }}));
#pragma once

#include <functional>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/node/sandbox_process.h"

namespace netns_lab::node {

enum class LabLife {
  kCallers,  // ends with the caller's process
  kItsOwn,   // outlives it, once it is set up
};

// What the guard process has in hand. Descriptors.
struct GuardFacts {
  int status = -1;  // to report_ready() and report_error() through; also tells whether the lab is wanted
  int caller = -1;  // pidfd of the caller; -1 when the lab outlives it
};

struct GuardLaunch {
  LabLife life = LabLife::kCallers;
  bool user_namespace =
      false;  // the guard is moved into one of its own before `guard` runs, with the ids of choose_id_maps()
  int ready_reports = 1;  // how many processes will report_ready()
  int log = -1;           // standard error of the lab's processes; -1: /dev/null
  std::vector<int> keep;  // descriptors of the caller's that `guard` needs; every other one is closed there
  Deadline deadline = Deadline::never();        // for all reports
  std::function<int(const GuardFacts&)> guard;  // the guard's life, in a process of its own
};

// Returns when all reports are in. On any error, a report of one included, the guard ends what it has made.
// The guard is no child of the caller: nothing has to be waited for.
Result<void> launch_guard(const GuardLaunch& launch);

// The guard's last act: waits until a child ends, the caller ends, or the starter lets go of a lab that is not ready
// yet; then ends all children. Every descriptor besides those needed for it and `keep` is closed first.
void watch_over(const GuardFacts& facts, const std::vector<Child>& children, std::vector<int> keep);

}  // namespace netns_lab::node
