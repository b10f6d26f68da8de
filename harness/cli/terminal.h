// A command on a node joined to the terminal, or the pipes, that netns-lab itself was started with.
#pragma once

#include <termios.h>

#include <cstdint>
#include <optional>

#include "harness/base/error.h"
#include "harness/lab/node.h"

namespace netns_lab::cli {

// The terminal passes every key on as it is while this value lives; afterwards it is as it was.
class RawTerminal {
 public:
  explicit RawTerminal(int fd);
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

 private:
  int fd_;
  std::optional<termios> previous_;
};

// Whether both standard input and standard output are a terminal.
bool on_terminal();

// Runs `request` to its end with our standard input, output and error; with `request.terminal` in a terminal of its
// own, whose size follows ours. Returns the exit status to pass on: its own, 128 + N when signal N ended it, 127 when
// it could not be started.
Result<int> run_attached(Node& node, protocol::RunRequest request);

}  // namespace netns_lab::cli
