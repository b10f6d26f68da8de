// Keeps a machine: joins whoever comes to its doors to channels, until the machine ends or is no longer wanted.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/lab/qemu/kept_machine.h"

namespace netns_lab::qemu {

struct RelaySockets {
  struct Listener {
    UniqueFd socket;    // listens; each connection is a channel of its own
    std::string label;  // of all of them
  };
  std::vector<Listener> listeners;
  UniqueFd door_listener;       // each connection is a door
  std::vector<UniqueFd> doors;  // open already; when the last of these has nobody outside, the machine has no user left
  std::vector<int> ends;        // borrowed: one that is readable ends it
};

// Returns when the machine ended (the error says how), or is not wanted any more (nothing).
// `sockets` is borrowed: it stays open when this returns, so that whoever uses the machine learns of its end only when
// the caller lets go of it.
Result<void> relay(KeptMachine& machine, RelaySockets& sockets);

}  // namespace netns_lab::qemu
