// Virtual machines as labs need them: one for a run, which ends with it, or one that stands for a named lab.
#pragma once

#include <string>
#include <vector>

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

// Machines of this process's own, as many as the largest lab of the run has nodes (spec.nodes), with wires from the
// first to the others. Private labs are made in them through their doors; they end with this value.
class RunMachines {
 public:
  // kMissing, kLost, kTimeout: what it takes to boot one, or what it said last (exit 3).
  // `witness`, created for as many, has what they say and why they ended.
  static Result<RunMachines> start(const LabSpec& spec, const MachineWitness& witness, Deadline deadline);
  RunMachines(RunMachines&&) noexcept = default;
  RunMachines& operator=(RunMachines&&) = delete;
  ~RunMachines();  // waits until nothing of them is left

  const std::vector<UniqueFd>& doors() const { return doors_; }
  const std::string& kernel() const { return kernel_; }  // release

 private:
  RunMachines() = default;
  std::vector<UniqueFd> doors_;
  std::vector<UniqueFd> lives_;  // each ends with a machine's keeper
  std::string kernel_;
};

inline constexpr auto kStateDiskFile = "state-disk";  // in a named lab's folder: the path of the one its machine has

// For `up`: machines that outlive this process, one for each node, with their sockets, consoles and log in the lab's
// folder. When one of them ends, all do.
Result<void> start_standing_machines(const LabSpec& spec, const std::string& folder);

// A fresh lab of spec.nodes nodes. Through one door they are all in that machine; through several, each is in a machine
// of its own, on the segment `spec.segment`. kMissing when there are several doors, and fewer than nodes.
Result<AgentStreams> open_lab_in(const std::vector<UniqueFd>& doors, const LabSpec& spec);

}  // namespace netns_lab::cli
