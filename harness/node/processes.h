// The processes of a node, as its /proc shows them.
#pragma once

#include <optional>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/snapshot.h"

namespace netns_lab::node {

// By pid, without this process itself, its threads, the kernel's threads, and the processes between it and its commands
// (which never execute anything). None when /proc is of another PID namespace than ours: it then tells about processes
// that are none of the node's, and of the node's nothing.
Result<std::optional<std::vector<ProcessState>>> list_processes();

}  // namespace netns_lab::node
