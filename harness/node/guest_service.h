// Serves the labs of a virtual machine over one stream, as channels (harness/protocol/channels.h).
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::node {

// Until the standing lab has ended, and what its agent said last is on its way. kLost: the stream ended before.
// `to_port` is empty where one descriptor is both; `kept`: see GuestLabs. SIGPIPE must be ignored. Collects every child
// of this process.
Result<void> serve_guest_labs(UniqueFd from_port, UniqueFd to_port, std::vector<std::string> lost, std::string provider,
                              std::string kept = "");

// For a machine that runs another system: greets, and serves labs on standard input and output. The first process of a
// PID namespace, so that labs end with it (unshare --fork --pid --mount-proc). Its exit status.
int run_guest_service(const std::string& provider);

}  // namespace netns_lab::node
