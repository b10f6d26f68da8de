// What must hold on a node before a target is let loose on it. The agent's `claim` calls this; in a fresh sandbox
// everything holds trivially.
//
//   NETNS_LAB_TRY(check_claim(context, request));
#pragma once

#include "harness/base/error.h"
#include "harness/node/agent.h"
#include "harness/protocol/messages.h"

namespace netns_lab::node {

// kTaken: a claimed name is in use (also in the machine's own /run/netns, from before this node's was mounted over it),
// or an address is present or already routed to. kMissing: a firewall of this machine would spoil the verdict, or there
// is no non-loopback address to choose a source from. kInvalid: a name that cannot be one. Looks only; changes nothing.
Result<void> check_claim(const AgentContext& context, const protocol::ClaimRequest& claim);

}  // namespace netns_lab::node
