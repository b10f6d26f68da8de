// A run on several kernels (test --kernel K1 --kernel K2), side by side: how each worker ended on each, and every
// requirement whose verdict is not the same on all.
//
//   kernels side by side              6.1.0-56-cloud-amd64   6.1.0-56-rt-amd64
//     bridge, native, IPv4            conformant: 58 passed  nothing ran: 58 skipped
//       bridge.bridge                 pass                   skip: kernel … lacks CONFIG_BRIDGE
#pragma once

#include <string>

#include "harness/model/run_result.h"

namespace netns_lab::reports {

// "" when the run was on one kernel.
std::string kernel_table(const RunResult& run);

}  // namespace netns_lab::reports
