// What is in a virtual machine of ours: this program with what it needs to run, kernel modules, and of this machine's
// programs those that network scripts use.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/lab/qemu/file_tree.h"
#include "harness/lab/qemu/kernel_image.h"

namespace netns_lab::qemu {

// Programs that are put in where this machine has them.
std::span<const char* const> guest_programs();

// `program` is this program's file, by a name that other processes understand too ("/proc/PID/exe"). kMissing where
// bash or ip are missing here. `disk`: the path at which the machine's disk is to be mounted there; "" it has none.
Result<FileTree> guest_files(const std::string& program, const KernelImage& kernel, const std::string& disk = "");

}  // namespace netns_lab::qemu
