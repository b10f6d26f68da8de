// What a target left behind in the folders it could write to.
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/node/agent.h"

namespace netns_lab::node {

// Absolute paths as the target sees them, sorted, of everything created, changed ("/etc/hosts (changed)") or deleted
// ("/etc/motd (deleted)") below `context.writable` since the node was made; at most 10,000. Of a new folder everything
// below is listed too. Left out: `context.made_by_setup`, the agent's own files, the folder of named namespaces (which
// a snapshot tells of by itself), and what is mounted below.
Result<std::vector<std::string>> list_leftovers(const AgentContext& context);

}  // namespace netns_lab::node
