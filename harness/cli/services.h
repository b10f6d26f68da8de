// How labs come to be on this machine: agents that are forked, not executed, into a sandbox or beside this machine's
// own network namespace.
#pragma once

#include "harness/lab/lab.h"

namespace netns_lab::cli {

LabServices lab_services();

}  // namespace netns_lab::cli
