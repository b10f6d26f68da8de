// Waits, by notification, until links and namespace names are as wanted.
#pragma once

#include <string>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/node/network_handles.h"
#include "harness/protocol/messages.h"

namespace netns_lab::node {

struct AwaitOptions {
  int cancel_fd = -1;           // -1: none
  std::string device_database;  // device_manager.h: links of the node that must have passed it, too; "" none
};

// Links by RTNLGRP_LINK, names by inotify on the namespace directory. kTimeout says what was still missing and the last
// thing seen; kCancelled when `cancel_fd` becomes readable. A namespace that is not there: its links are
// absent.
Result<void> await_state(NetworkHandles& handles, const protocol::AwaitRequest& wanted, Deadline deadline,
                         const AwaitOptions& options = {});

}  // namespace netns_lab::node
