// A command under way: its output, its input, its end.
//
//   NETNS_LAB_ASSIGN(RunningCommand command, RunningCommand::start({.argv = {"ip", "link"}, .environment = {{"PATH",
//   "/usr/sbin"}}})); for (Chunk chunk; !chunk.end; chunk = command.read(64 * 1024, Deadline::never())) { … }
//
// Each command has a *keeper*, a process between it and us that never executes anything. The keeper is a child
// subreaper (PR_SET_CHILD_SUBREAPER, prctl(2)): a daemon that leaves its session, and its parent, becomes the keeper's
// child instead of process 1's. So the keeper knows exactly which processes belong to this command, whatever they do,
// and no process identifier is ever signalled after it was given to somebody else. When we die, by SIGKILL too, the
// keeper sees its control socket close and kills them.
//
// Threading: start from any thread, several at once. The members of one RunningCommand may be called from several
// threads (one reads, one writes). A thread of its own serves each command (time limit, draining), so nothing depends
// on being read in time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/process/command.h"

namespace netns_lab::process {

struct Chunk {
  std::string output;
  std::string errors;
  bool end = false;                   // everything has been read and the command has ended
  std::optional<CommandEnd> command;  // set with `end`
};

class RunningCommand {
 public:
  // Errors are ours (no process, no descriptor, no terminal to be had; an empty argv). A program that is missing or
  // cannot be executed, a working directory or namespace that cannot be entered, is an end: kNotStarted.
  static Result<RunningCommand> start(Command command);
  RunningCommand(RunningCommand&&) noexcept;
  RunningCommand& operator=(RunningCommand&&) noexcept;
  ~RunningCommand();  // kills what is left of it, and waits for that

  int pid() const;  // of the main process; 0 when it did not start
  // Takes what is there, at most `maximum` bytes of both streams together; waits for the first byte or the end until
  // the deadline, or until `interrupt_fd` (-1: none) is readable.
  Chunk read(std::size_t maximum, Deadline deadline, int interrupt_fd = -1);
  int ready_fd() const;  // POLLIN while `read` would not wait
  // Types into the terminal, or adds to standard input. Never waits. kInvalid after the end of input, or when more than
  // 1 MiB waits to be taken.
  Result<void> write(std::string_view bytes);
  void end_input();
  Result<void> resize(TerminalSize size);  // kInvalid without a terminal
  Result<void> signal(
      int number);  // to its process group; no error when it has ended. kInvalid for a number that is no signal
  void stop();      // TERM to its process group, after `stop_grace` KILL to all of it; does not wait
  void kill();      // all of it, now; does not wait, the end comes through `read`
  std::optional<CommandEnd> end() const;  // once it has ended, read or not

 private:
  class State;
  explicit RunningCommand(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct CommandOutcome {
  std::string output;
  std::string errors;
  CommandEnd end;
  bool succeeded() const { return end.how == CommandEnd::How::kExited && end.code == 0; }
};

// Runs it to its end and gives what was kept of its output.
Result<CommandOutcome> run_to_end(Command command);

}  // namespace netns_lab::process
