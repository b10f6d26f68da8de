// A file system that is mounted nowhere (fsmount(2), Linux 5.2): reached by its descriptor alone, gone with it.
#pragma once

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::node {

// Read-only, with its usual options. `type` as in /proc/filesystems: "proc", "tracefs". Errors: kSystem (no privilege,
// no such file system, a kernel or a filter without the calls).
Result<UniqueFd> mount_detached(const char* type);

}  // namespace netns_lab::node
