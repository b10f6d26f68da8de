#include "harness/process/orphans.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "harness/process/children.h"
#include "harness/process/known_children.h"

namespace netns_lab::process {

KnownChildren& KnownChildren::of_this_process() {
  static KnownChildren children;
  return children;
}

int reap_orphans() {
  KnownChildren& known = KnownChildren::of_this_process();
  const std::lock_guard lock(known.mutex);
  struct Reaping {
    const std::set<pid_t>& known;
    int reaped = 0;
  } reaping{known.pids};
  siginfo_t any{};
  // Nothing is dead: the common case, one system call.
  if (::waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) != 0 || any.si_pid == 0) return 0;
  for_each_child(
      [](pid_t child, void* context) {
        auto& state = *static_cast<Reaping*>(context);
        if (state.known.count(child) == 0 && ::waitpid(child, nullptr, WNOHANG) == child) ++state.reaped;
      },
      &reaping);
  return reaping.reaped;
}

std::vector<pid_t> known_children() {
  KnownChildren& known = KnownChildren::of_this_process();
  const std::lock_guard lock(known.mutex);
  return {known.pids.begin(), known.pids.end()};
}

KnownChild::KnownChild(pid_t pid) : pid_(pid) {
  KnownChildren& known = KnownChildren::of_this_process();
  const std::lock_guard lock(known.mutex);
  known.pids.insert(pid);
}

KnownChild::KnownChild(KnownChild&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}

KnownChild& KnownChild::operator=(KnownChild&& other) noexcept {
  std::swap(pid_, other.pid_);
  return *this;
}

KnownChild::~KnownChild() {
  if (pid_ == 0) return;
  KnownChildren& known = KnownChildren::of_this_process();
  const std::lock_guard lock(known.mutex);
  known.pids.erase(pid_);
}

}  // namespace netns_lab::process
