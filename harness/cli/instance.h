// Labs in an instance of multipass (harness/lab/multipass): what `up` and `destroy` do about it.
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/lab/lab.h"

namespace netns_lab::cli {

// For `up`: the instance of the lab's name is there (launched, started or taken as it is), this program is in it, and a
// process that outlives this one keeps the stream into it, with its sockets and log in the lab's folder. That it was
// launched for the lab is written there before it is.
Result<void> start_standing_instance(const LabSpec& spec, const std::string& folder);

// For `destroy`: an instance that was launched for the lab, and bears its token, is deleted and purged; another keeps
// all but our own files.
Result<void> leave_instance(const LabSpec& spec, const std::string& folder);

// For `doctor`: whether there is a multipass that answers. kMissing with what to do when there is none.
Result<void> look_for_multipass();

}  // namespace netns_lab::cli
