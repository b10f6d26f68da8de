// Labs in an instance of multipass (harness/lab/multipass): what `up` and `destroy` do about it.
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/lab/lab.h"

namespace netns_lab::cli {

// For `up`: the instances of the lab, NAME and where it has several nodes NAME-2 …, are there (launched, started or
// taken as they are), this program is in them, and processes that outlive this one keep the streams into them, with the
// sockets and the log in the lab's folder. That one was launched for the lab is written there before it is. When the
// launch of one fails, those that were launched by this call before are deleted again. kTaken when another lab has one
// of them.
Result<void> start_standing_instance(const LabSpec& spec, const std::string& folder);

// For `destroy`: each instance that was launched for the lab, and bears its token, is deleted and purged; another keeps
// all but our own files. All of them are tried; the first error.
Result<void> leave_instance(const LabSpec& spec, const std::string& folder);

// For `doctor`: whether there is a multipass that answers. kMissing with what to do when there is none.
Result<void> look_for_multipass();

}  // namespace netns_lab::cli
