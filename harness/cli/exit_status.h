// From an error to the exit status of the command, and to the one line that is printed about it.
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/model/verdict.h"

namespace netns_lab::cli {

ExitStatus exit_status_of(const Error& error);
// Prints "netns-lab: MESSAGE" as one line on standard error; returns the error's exit status.
ExitStatus complain(const Error& error);
ExitStatus complain(ExitStatus status, const std::string& message);

}  // namespace netns_lab::cli
