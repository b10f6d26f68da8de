// Everything there is to see in a network namespace, read at once (model/snapshot.h).
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/snapshot.h"
#include "harness/node/network_handles.h"

namespace netns_lab::node {

// One namespace. `known`: names of the other namespaces whose inodes may be given to the ids of peers ("" is always
// known).
Result<NamespaceState> read_network_state(NetworkHandles& handles, const std::string& network_namespace,
                                          const SnapshotOptions& options, const std::vector<std::string>& known = {});
// The node's own first, then `names` in their order. A name that vanishes or is no namespace is left out.
Result<std::vector<NamespaceState>> read_network_states(NetworkHandles& handles, const std::vector<std::string>& names,
                                                        const SnapshotOptions& options);
// What a fresh namespace looks like on this node (SnapshotOptions::pristine); its name is "".
Result<NamespaceState> read_pristine_state(NetworkHandles& handles, const SnapshotOptions& options);

}  // namespace netns_lab::node
