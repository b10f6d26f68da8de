// What happens between fork and exec: the forked process becomes the keeper, which forks the command itself and stays
// to watch over it.
//
//   agent ──fork (Boost.Process)──> keeper ──fork──> the command ──> whatever it starts
//     │  control socket: signals >   │  child subreaper: whatever loses its parent becomes its child
//     │               < reports      │
//
// Everything here runs in a copy of a process with threads: only async-signal-safe calls (signal-safety(7)), no
// allocation.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <type_traits>

namespace netns_lab::process {

// What the keeper and the command are to do, laid out before the fork.
struct KeeperOrders {
  int control_fd = -1;               // the keeper's end
  int terminal_fd = -1;              // -1: Boost.Process has placed the pipes at 0, 1, 2 already
  int network_namespace_fd = -1;     // -1: stay
  const int* descriptors = nullptr;  // the command's 3, 4, …; none of them, nor control_fd, has such a number here
  int descriptor_count = 0;
  const char* working_directory = "";
  std::int64_t descendant_grace_ms = 0;
  const char* const* daemons = nullptr;  // names of programs that may be left running
  int daemon_count = 0;
};

// Of the keeper to us, in this order: kStarted, then perhaps kNotStarted, kEnded, any number of kLeft, kGone. All in
// one SOCK_SEQPACKET message each.
struct KeeperReport {
  enum Kind : std::int32_t {
    kStarted = 1,     // value: pid of the command
    kNotStarted = 2,  // value: errno; stage says of what
    kEnded = 3,       // value: exit status, or the signal when `signalled`
    kLeft = 5,        // text: the command line of a process that was left and is about to be killed
    kGone = 4,        // nothing of it is alive but daemons that may be; value: 1 when descendants had to be killed. The
                      // keeper ends
  };
  enum Stage : std::int32_t {
    kFork = 1,
    kTerminal = 2,
    kNamespace = 3,
    kDirectory = 4,
    kExecute = 5,
    kDescriptors = 6
  };
  std::int32_t kind = 0;
  std::int32_t value = 0;
  std::int32_t stage = 0;
  std::int32_t signalled = 0;
  char text[200] = {};
};
static_assert(std::is_trivially_copyable_v<KeeperReport>);

// To the keeper: one byte, a signal number for the command's process group, or this: kill all of it. The end of the
// socket means the same.
inline constexpr std::uint8_t kKillEverything = 0xFF;

// Called in the forked process. Returns only in the command, ready for execve; the keeper never returns from it.
void become_keeper(const KeeperOrders& orders);

// Called in the command when a step failed. Never returns.
[[noreturn]] void report_not_started(int control_fd, KeeperReport::Stage stage, int system_errno);

}  // namespace netns_lab::process
