// What process 1 of a PID namespace owes its orphans.
//
// The processes that commands leave behind never become orphans of ours: their keeper collects them
// (running_command.h). What does reach process 1 are the children of other processes that died: of a keeper that was
// killed, of whatever was forked without this library. `reap_orphans` collects those and leaves alone every child that
// belongs to a RunningCommand, so that no exit status is stolen. A process that forks children of its own and waits for
// them by waitpid tells so by `KnownChild`.
//
// Call it whenever a SIGCHLD arrives (signalfd) or every now and then; it never waits.
#pragma once

#include <sys/types.h>

#include <vector>

namespace netns_lab::process {

// Collects every dead child that nobody has claimed; how many. Any thread.
int reap_orphans();

// The children that are claimed now: the keepers of running commands and every KnownChild. They are the agent's own,
// for a snapshot of the node's processes to leave out.
std::vector<pid_t> known_children();

// While it lives, reap_orphans leaves this child alone. Claim it before reap_orphans can run, that is before SIGCHLD is
// looked at.
class KnownChild {
 public:
  explicit KnownChild(pid_t pid);
  KnownChild(KnownChild&& other) noexcept;
  KnownChild& operator=(KnownChild&& other) noexcept;
  ~KnownChild();

 private:
  pid_t pid_ = 0;
};

}  // namespace netns_lab::process
