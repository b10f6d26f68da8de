// Everything that can be observed of a node, gathered at once (model/snapshot.h).
#pragma once

#include "harness/base/error.h"
#include "harness/model/snapshot.h"
#include "harness/node/agent.h"
#include "harness/node/agent_state.h"
#include "harness/node/network_handles.h"

namespace netns_lab::node {

// The calling thread must be in the node's own network namespace. Names that vanish while it looks are left out.
// `origin` is what files and mounts are compared with.
Result<Snapshot> take_snapshot(const AgentContext& context, NodeOrigin& origin, NetworkHandles& network,
                               const SnapshotOptions& options);

}  // namespace netns_lab::node
