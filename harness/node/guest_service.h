// Serves the labs of a virtual machine over one stream, as channels (harness/protocol/channels.h).
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::node {

// Until the standing lab has ended, and what its agent said last is on its way. kLost: the stream ended before.
// `to_port` is empty where one descriptor is both; `kept`: see GuestLabs. SIGPIPE must be ignored. Collects every child
// of this process. `carrier`: what is readable when the machine's wires carry nothing any more (kLost then); -1 none.
Result<void> serve_guest_labs(UniqueFd from_port, UniqueFd to_port, std::vector<std::string> lost, std::string provider,
                              std::string kept = "", int carrier = -1);

// For a machine that runs another system: greets, and serves labs on standard input and output. The first process of a
// PID namespace, so that labs end with it (unshare --fork --pid --mount-proc). `wires`: to the other machines of the
// lab, as text (underlay_wires.h). It greets when they carry. Its exit status.
int run_guest_service(const std::string& provider, const std::vector<std::string>& wires);

}  // namespace netns_lab::node
