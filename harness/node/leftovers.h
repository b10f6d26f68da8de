// What a target left behind in the folders it could write to.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/base/error.h"
#include "harness/node/agent.h"
#include "harness/node/file_attributes.h"

namespace netns_lab::node {

// What the set-up of the node made, and the folders a target may write to themselves, as they were before any command
// ran; and the folder of named namespaces, which `ip netns add` makes for its owner alone to write to (0755).
class SetUpFiles {
 public:
  explicit SetUpFiles(const AgentContext& context);
  // "/etc (mode 777, it was 755)", "/run/lock (deleted)".
  std::vector<std::string> changes() const;

 private:
  std::string namespace_directory_;
  mode_t opened_before_ = 0;  // what others were allowed to do there
  std::vector<std::pair<std::string, FileAttributes>> files_;
};

// Absolute paths as the target sees them, sorted, of everything created, changed ("/etc/hosts (changed)") or deleted
// ("/etc/motd (deleted)") below `context.writable` since the node was made; at most 10,000. Of a new folder everything
// below is listed too. Changed is a file whose contents, mode, owner, time or extended attributes are other than they
// were; one that was only opened for writing is not. Left out: `context.made_by_setup` (SetUpFiles), the agent's own
// files, the folder of named namespaces (which a snapshot tells of by itself), and what is mounted below. Of a state
// disk (protocol::kStateFolder) all that is there is listed, also what was there before; none of it when that is more
// than fits, for which of it is listed would be chance.
Result<std::vector<std::string>> list_leftovers(const AgentContext& context);

}  // namespace netns_lab::node
