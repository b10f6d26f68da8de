// How labs come to be on this machine: agents that are forked, not executed, into a sandbox or beside this machine's
// own network namespace.
#pragma once

#include "harness/lab/lab.h"

namespace netns_lab::cli {

// `machines`: of this run; borrowed. Without them, private labs of qemu are made in the machine of the lab they name.
class RunMachines;
LabServices lab_services(const RunMachines* machines = nullptr);

// Undoes what runs on this machine itself (--lab host) that died with all their processes have left in this network
// namespace. How many such runs there were. kTaken with what could not be undone.
Result<std::size_t> undo_dead_runs();

}  // namespace netns_lab::cli
