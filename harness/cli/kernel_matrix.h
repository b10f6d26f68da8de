// The labs of one run: one, or one for each kernel of `test --lab qemu --kernel K1 --kernel K2`.
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/lab/lab.h"

namespace netns_lab::cli {

// In the order of `kernels` (files); of none or one the lab as it is. Among several each has a label: its release, and
// its file where two are of the same release; that of a file that cannot be used is its path. kInvalid for a file that
// is named twice.
Result<std::vector<LabSpec>> labs_for_kernels(const LabSpec& lab, const std::vector<std::string>& kernels);

}  // namespace netns_lab::cli
