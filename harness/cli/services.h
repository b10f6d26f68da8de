// How labs come to be on this machine: agents that are forked, not executed, into a sandbox or beside this machine's
// own network namespace.
#pragma once

#include "harness/lab/lab.h"

namespace netns_lab::cli {

// `machine`: of this run; borrowed. Without one, private labs of qemu are made in the machine of the lab they name.
class RunMachine;
LabServices lab_services(const RunMachine* machine = nullptr);

}  // namespace netns_lab::cli
