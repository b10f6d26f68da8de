// Why a command of multipass failed, in words, and the way out.
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/process/running_command.h"

namespace netns_lab::multipass {

// "`multipass launch 22.04 …` exited with status 2", what it printed, what that means and what to do. Sources of the
// texts: multipass's client and daemon, 1.10 to 1.16. A text that is not known is shown as it is.
Error refusal(const std::string& attempted, const process::Command& command, const process::CommandOutcome& outcome);

// Exit status 5, or its words: what was to become of the instance may still come to be.
bool is_time_out(const process::CommandOutcome& outcome);
// `instance "N" does not exist`
bool is_no_such_instance(const process::CommandOutcome& outcome);

}  // namespace netns_lab::multipass
