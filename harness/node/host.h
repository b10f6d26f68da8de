// This machine itself as a node: an agent in the caller's network namespace, with mounts and PIDs of its own, so that
// what a target leaves in /run/netns, /home/ubuntu and /etc goes with it. What does not go with it is journalled
// (journal.h).
//
//   NETNS_LAB_ASSIGN(UniqueFd stream, start_host({.agent = serve_stream, .journal_directory =
//   "/run/netns-lab/journal"}));
//
//      caller ─ guard (watches the caller; undoes the journal when the agent has ended, however)
//                 └ process 1 of a PID namespace: the agent, in the machine's network namespace
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/node/agent.h"
#include "harness/node/sandbox.h"
#include "harness/protocol/messages.h"

namespace netns_lab::node {

struct HostSpec {
  AgentFunction agent;
  std::string journal_directory =
      "/run/netns-lab/journal";  // made if missing; must outlive the lab, and be the same for the next start
  int log = -1;
  std::chrono::milliseconds limit{20'000};
};

// kMissing without CAP_SYS_ADMIN and CAP_NET_ADMIN. Whatever journals of dead agents are found are undone first
// (recover()).
Result<UniqueFd> start_host(const HostSpec& spec);  // private: a connected stream
Result<void> start_host(const HostSpec& spec,
                        UniqueFd listener);  // named: takes the listening socket over, outlives the caller

}  // namespace netns_lab::node
