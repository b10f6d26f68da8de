// The node's side of `run`, and of `read`, `write` and `close` on what it gives: a command started as the tutorial
// would start it.
//
// Its environment is a clean base (a root login of the node: PATH, HOME=/home/ubuntu, USER, LOGNAME, SHELL,
// LANG=C.UTF-8, TERM for terminals) with the request's on top; its folder /home/ubuntu unless the request names
// another; its network namespace the named one, or the node's own. Threading: as process::RunningCommand; several
// threads may read and write one handle.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "harness/base/error.h"
#include "harness/process/running_command.h"
#include "harness/protocol/messages.h"

namespace netns_lab::node {

class CommandHandle {
 public:
  // `namespace_directory` holds the named namespaces. kInvalid: no argv, a namespace name that is none, input for a
  // terminal; kSystem: what the kernel refused. A program that cannot be executed is no error: its end says
  // kNotStarted.
  static Result<CommandHandle> start(const protocol::RunRequest& request,
                                     const std::string& namespace_directory = "/run/netns");

  struct Answer {
    protocol::ReadReply reply;
    std::string bytes;  // standard output, then standard error
  };
  // Waits at most request.wait for the first byte, and no longer than `interrupt_fd` (-1: none) stays unreadable.
  Answer read(const protocol::ReadRequest& request, int interrupt_fd = -1);
  // Bytes, new terminal size, signal and end of input, in this order.
  Result<void> write(const protocol::WriteRequest& request, std::string_view bytes);

 private:
  explicit CommandHandle(process::RunningCommand command);
  process::RunningCommand command_;
};

// What a command finds in its environment before the request's own variables.
std::map<std::string, std::string> base_environment(bool terminal);

}  // namespace netns_lab::node
