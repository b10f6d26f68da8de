// Waits, by notification, until links and namespace names are as wanted.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/node/network_handles.h"
#include "harness/protocol/messages.h"

namespace netns_lab::node {

struct AwaitOptions {
  int cancel_fd = -1;           // -1: none
  std::string device_database;  // device_manager.h: links of the node that must have passed it, too; "" none
  // Slow is told from broken: once the deadline has passed, what the kernel has put off (kernel_work.h) is waited for
  // until this, and then looked at once more. None: the deadline is the end.
  std::optional<Deadline> kernel_deadline{};
};

// Links by RTNLGRP_LINK, names by inotify on the namespace directory. kTimeout says what was still missing and the last
// thing seen; kCancelled when `cancel_fd` becomes readable. A namespace that is not there: its links are
// absent. Returns how long after its deadline all was as wanted; 0: before it. With a kernel_deadline also kInternal:
// the kernel did not do what it had put off.
Result<std::chrono::milliseconds> await_state(NetworkHandles& handles, const protocol::AwaitRequest& wanted,
                                              Deadline deadline, const AwaitOptions& options = {});

}  // namespace netns_lab::node
