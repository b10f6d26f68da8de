// What to run, as data, and how it ended. See running_command.h for running it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace netns_lab::process {

struct TerminalSize {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
  bool operator==(const TerminalSize&) const = default;
};

// Every command is the leader of a session and process group of its own and starts with an empty signal mask, default
// dispositions and no descriptor but 0, 1, 2 and those it is given.
struct Command {
  std::vector<std::string> argv;                   // argv[0] without a '/' is looked up in the PATH of `environment`
  std::map<std::string, std::string> environment;  // exactly this, nothing inherited
  std::string working_directory;                   // "" : where we are
  std::string standard_input;                      // given at once
  bool keep_input_open = false;  // `write` gives more, until `end_input`; else end of file follows `standard_input`
  std::optional<TerminalSize>
      terminal;  // a pseudo-terminal instead of pipes, and its controlling one; standard error then arrives as output
  std::vector<int> descriptors;   // borrowed until `start` returns; the command has them as 3, 4, … in this order
  int network_namespace_fd = -1;  // borrowed until `start` returns; entered by the command alone. -1: ours
  std::chrono::milliseconds time_limit{
      0};  // from its start. 0: none. Then TERM to its process group, and `stop_grace` later KILL to all of it
  std::chrono::milliseconds stop_grace{500};
  // Bytes kept of each of standard output and standard error; what comes after is read, counted and dropped, so the
  // command never waits for it. With a terminal: bytes that may wait to be read; the terminal is then held up (flow
  // control), nothing is dropped.
  std::uint64_t output_limit = 1 << 20;
  // Programs, by the last part of argv[0], that may go on running when it has ended: when all that is left of it are
  // such, they are let go, to process 1.
  std::vector<std::string> daemons{};
  bool operator==(const Command&) const = default;
};

// How a command ended. It has ended when its main process has; what of it is still alive then is given
// `kDescendantGrace` to end by itself, and is killed.
struct CommandEnd {
  // kUnwatched: whoever watches over it was killed, and it with that: how it would have ended nobody knows.
  enum class How : std::uint8_t { kExited, kSignalled, kTimedOut, kNotStarted, kUnwatched };
  How how = How::kExited;
  int code = 0;        // exit status or signal; kTimedOut: the signal that ended it, or 0 when it exited after TERM;
                       // kNotStarted: errno
  std::string reason;  // of kNotStarted: "execute /bin/nosuch: ENOENT (No such file or directory)"
  std::uint64_t dropped = 0;  // bytes of output over the limit
  bool descendants_left =
      false;  // processes it had started (daemons that left its session too) were still alive; they were killed
  // Their command lines, at most kMostDescendantsNamed, each cut to some 200 bytes; empty where /proc does not tell.
  std::vector<std::string> descendants;
  std::chrono::microseconds duration{0};
  bool operator==(const CommandEnd&) const = default;
};
inline constexpr std::chrono::milliseconds kDescendantGrace{200};
inline constexpr std::size_t kMostDescendantsNamed = 16;

std::string to_string(const Command& command);  // argv as a person would type it
std::string to_string(const CommandEnd& end);   // "exited with status 2", "was killed by SIGKILL"
std::ostream& operator<<(std::ostream& out, const CommandEnd& end);
std::string signal_name(int number);  // "SIGKILL", "signal 77"

}  // namespace netns_lab::process
