// Everything there is to see in a network namespace, read at once (model/snapshot.h).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/snapshot.h"
#include "harness/node/network_handles.h"
#include "harness/node/new_links.h"
#include "harness/node/sysctl.h"

namespace netns_lab::node {

// One namespace. `known`: names of the other namespaces whose inodes may be given to the ids of peers ("" is always
// known).
Result<NamespaceState> read_network_state(NetworkHandles& handles, const std::string& network_namespace,
                                          const SnapshotOptions& options, const std::vector<std::string>& known = {});
// Several, and of each the sysctls that are no interface's apart: they are read on threads of their own.
struct NetworkStates {
  std::vector<NamespaceState> namespaces;
  std::vector<Sysctls> common_sysctls;
  std::vector<NamespaceState> take() &&;  // all in one
};
// The node's own first (unless SnapshotOptions::only leaves it out), then `names` in their order. A name that vanishes
// or is no namespace is left out.
Result<NetworkStates> read_network_states(NetworkHandles& handles, const std::vector<std::string>& names,
                                          const SnapshotOptions& options);

// What spares the reading of most sysctls of a pristine namespace: the node's own, from when it was new itself, stand
// for them, but for those that the node has pinned, and those of which one of the namespaces that will be compared has
// another value. What those are is read, so that no such difference rests on what was read elsewhere.
struct NewNode {
  const Sysctls* own = nullptr;                    // null: everything is read
  const std::vector<Sysctls>* compared = nullptr;  // the node's own first
  NewLinks* links = nullptr;                       // null: none are made
  std::set<std::string> kinds{};                   // of links that are to be compared
};
// What a fresh namespace looks like on this node (SnapshotOptions::pristine); its name is "".
Result<NamespaceState> read_pristine_state(NetworkHandles& handles, const SnapshotOptions& options,
                                           const NewNode& new_node = {});

}  // namespace netns_lab::node
