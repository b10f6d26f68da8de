// What a target left behind in the folders it could write to.
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/node/agent.h"

namespace netns_lab::node {

// Absolute paths as the target sees them, sorted, of everything created, changed or deleted ("/etc/hosts (deleted)")
// below `context.writable` since the node was made. Of a new folder everything below is listed too.
// `context.made_by_setup` is left out.
Result<std::vector<std::string>> list_leftovers(const AgentContext& context);

}  // namespace netns_lab::node
