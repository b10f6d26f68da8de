// Starts a command under its keeper and hands over the near ends. Boost.Process is used here and nowhere else.
#pragma once

#include <sys/types.h>

#include <string>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/process/command.h"

namespace netns_lab::process {

struct Launched {
  pid_t keeper = 0;  // already among the known children; whoever waits for it calls `forget_keeper`
  UniqueFd control;  // SOCK_SEQPACKET, see keeper.h
  UniqueFd output;   // of the command; a terminal's master reads and writes
  UniqueFd errors;   // empty with a terminal
  UniqueFd input;    // empty with a terminal
};

// `program` is what is executed (`find_program`).
Result<Launched> launch(const Command& command, const std::string& program);

// Waits for the keeper, which must be about to end, and gives up the claim on it.
void forget_keeper(pid_t keeper);

// Where argv[0] is: itself when it holds a '/', else the first executable file of that name in the PATH of the
// environment; "" when there is none.
std::string find_program(const Command& command);

}  // namespace netns_lab::process
