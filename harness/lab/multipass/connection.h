// The one stream into an instance: a command (multipass exec … agent --labs) whose standard input and output carry the
// channels. It ends with this value, and what it serves in the instance ends with it.
//
//   sh ── exec multipass exec NAME -- sudo unshare … ld.so … netns-lab agent --labs multipass
//    │0 <── pipe                                        pipes, not a socket: a snap's confinement passes pipes on
//    │1 ──> pipe
#pragma once

#include <memory>
#include <span>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/lab/qemu/kept_machine.h"
#include "harness/process/running_command.h"

namespace netns_lab::multipass {

class Connection : public qemu::KeptMachine {
 public:
  // Started, and greeted by this very build. kLost when the command ended before, kTimeout at the deadline: the error
  // shows what it printed. kCancelled when one of `interrupts` (descriptors) became readable.
  static Result<Connection> open(process::Command command, const std::string& greeting, Deadline deadline,
                                 std::span<const int> interrupts);

  protocol::ChannelTrunk& trunk() override { return *trunk_; }
  int ready_fd() const override { return command_.ready_fd(); }
  bool has_ended() override;
  Error why_ended() const override;

 private:
  Connection(process::RunningCommand command, std::string typed, std::unique_ptr<protocol::ChannelTrunk> trunk)
      : command_(std::move(command)), typed_(std::move(typed)), trunk_(std::move(trunk)) {}
  Result<void> await_greeting(const std::string& greeting, Deadline deadline, std::span<const int> interrupts);
  std::string what_it_said() const;

  process::RunningCommand command_;
  std::string typed_;    // the command as a person would type it
  std::string printed_;  // the last of what it printed on standard error; all of it goes to ours
  std::unique_ptr<protocol::ChannelTrunk> trunk_;
};

}  // namespace netns_lab::multipass
