// The daemon of the fake `multipass`: it boots machines, and they end with it.
//
//   client ── "NAME\n" ──> daemon ──fork──> keeper of the instance ──> QEMU
//          <── "" or why not, when it has said hello (or not) ──┘ │ door.sock: further clients, a channel each
//
// A client cannot do that itself: what a command leaves running is ended with it (harness/process).
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "harness/base/error.h"
#include "harness/fake_multipass/instances.h"

namespace netns_lab::fake_multipass {

// Until it is killed. Its exit status.
int run_daemon(const Home& home);

// For clients.
bool daemon_answers(const Home& home);
// Boots the instance's machine, if nobody does, and waits until it has said hello: kTimeout when that takes longer, and
// it boots on.
Result<void> boot(const Home& home, const Instance& instance, std::chrono::milliseconds patience);

}  // namespace netns_lab::fake_multipass
