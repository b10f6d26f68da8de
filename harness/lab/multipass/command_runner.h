// The seam between the driver and multipass: commands as data, and how they ended. Tests pass a double.
#pragma once

#include "harness/base/error.h"
#include "harness/process/running_command.h"

namespace netns_lab::multipass {

class CommandRunner {
 public:
  CommandRunner() = default;
  CommandRunner(const CommandRunner&) = delete;
  CommandRunner& operator=(const CommandRunner&) = delete;
  virtual ~CommandRunner() = default;
  // An error is ours (no process to be had); whatever becomes of the command is an outcome.
  virtual Result<process::CommandOutcome> run(process::Command command) = 0;
};

// Runs them.
class ProcessRunner : public CommandRunner {
 public:
  Result<process::CommandOutcome> run(process::Command command) override {
    return process::run_to_end(std::move(command));
  }
};

}  // namespace netns_lab::multipass
