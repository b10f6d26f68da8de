// What every process of a lab does first and last.
#pragma once

#include <sys/types.h>

#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::node {

// Makes a freshly forked process independent of who forked it: its own session, default signals, working folder /,
// umask 022, standard input and output /dev/null, standard error `log` (-1: /dev/null), and of the other descriptors
// only those in `keep`. Whoever waits for the end of one of the caller's pipes is not kept waiting by us. Limits and
// the OOM score stay as they are.
void shed_callers_things(std::vector<int> keep, int log);

// Closes every descriptor but standard input, output, error and those in `keep` (-1 is passed over).
void close_all_but(std::vector<int> keep);

// A pipe whose other end only a parent holds: readable (end of file) when the parent is gone.
struct LifeLine {
  UniqueFd parent;  // to be held by the parent alone
  UniqueFd child;
  static Result<LifeLine> create();
};
// SIGKILL for this process when its parent ends. PR_SET_PDEATHSIG alone misses a parent that ended before the call, and
// getppid(2) is 0 across PID namespaces: so the life line is asked afterwards. Does not return if the parent is gone.
void die_with_parent(LifeLine& life_line);

// A child process, watched.
struct Child {
  pid_t pid = -1;
  UniqueFd process;  // pidfd: readable when it has ended
};
// Forks; `run` is the child's whole life, its result the exit status. The child leaves by _exit(2): nothing of the
// caller's is destroyed twice.
template <typename Run>
Result<Child> fork_child(Run run);

// SIGKILL, and wait for the end.
void end_child(const Child& child);

Result<UniqueFd> open_process(pid_t pid);  // pidfd_open(2)

namespace detail {
Result<Child> watch(pid_t pid, const char* attempted);
[[noreturn]] void leave(int status);
pid_t fork_process();
}  // namespace detail

template <typename Run>
Result<Child> fork_child(Run run) {
  const pid_t pid = detail::fork_process();
  if (pid == 0) detail::leave(run());
  return detail::watch(pid, "fork a process of a lab");
}

}  // namespace netns_lab::node
