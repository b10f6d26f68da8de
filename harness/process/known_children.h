// The table behind orphans.h: which children of this process belong to somebody. The kernel keeps one list of children
// per process, so there is one table per process; nothing else in this project is global.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <set>

namespace netns_lab::process {

struct KnownChildren {
  std::mutex mutex;  // held across fork and insertion, so that nobody reaps in between
  std::set<pid_t> pids;

  static KnownChildren& of_this_process();
};

}  // namespace netns_lab::process
