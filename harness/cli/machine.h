// Virtual machines as labs need them: one for a run, which ends with it, or one that stands for a named lab.
#pragma once

#include <string>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/cli/machine_witness.h"
#include "harness/lab/lab.h"
#include "harness/lab/qemu/kernel_image.h"

namespace netns_lab::cli {

// QEMU, and the kernel that a machine of this lab would boot. kMissing, with what to install, for the first that is not
// there.
Result<qemu::KernelImage> look_for_machine_parts(const LabSpec& spec);

// A machine of this process's own. Private labs are made in it through its door; it ends with this value.
class RunMachine {
 public:
  // kMissing, kLost, kTimeout: what it takes to boot one, or what it said last (exit 3).
  // `witness`, one that was created, has what it says and why it ended.
  static Result<RunMachine> start(const LabSpec& spec, const MachineWitness& witness, Deadline deadline);
  RunMachine(RunMachine&&) noexcept = default;
  RunMachine& operator=(RunMachine&&) = delete;
  ~RunMachine();  // waits until nothing of it is left

  const UniqueFd& door() const { return door_; }
  const std::string& kernel() const { return kernel_; }  // release

 private:
  RunMachine(UniqueFd door, UniqueFd life, std::string kernel)
      : door_(std::move(door)), life_(std::move(life)), kernel_(std::move(kernel)) {}
  UniqueFd door_;
  UniqueFd life_;  // ends with the machine's keeper
  std::string kernel_;
};

inline constexpr auto kStateDiskFile = "state-disk";  // in a named lab's folder: the path of the one its machine has

// For `up`: a machine that outlives this process, with its sockets, console and log in the lab's folder.
Result<void> start_standing_machine(const LabSpec& spec, const std::string& folder);

// A fresh lab of so many nodes inside a machine.
Result<AgentStreams> open_lab_in(const UniqueFd& door, int nodes);

}  // namespace netns_lab::cli
