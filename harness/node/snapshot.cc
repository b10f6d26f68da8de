#include "harness/node/snapshot.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/netns/named.h"
#include "harness/node/leftovers.h"
#include "harness/node/network_state.h"
#include "harness/node/processes.h"

namespace netns_lab::node {

Result<Snapshot> take_snapshot(const AgentContext& context, NetworkHandles& network, const SnapshotOptions& options,
                               NewNodeSysctls& new_node) {
  Snapshot snapshot;
  NETNS_LAB_ASSIGN(snapshot.entries, list_namespace_entries(context.namespace_directory));
  std::vector<std::string> names;
  for (const NamespaceEntry& entry : snapshot.entries) {
    if (entry.is_network) names.push_back(entry.name);
  }
  NETNS_LAB_ASSIGN(NetworkStates states, read_network_states(network, names, options));
  if (options.all_sysctls) new_node.keep(states.common_sysctls.front());
  if (options.pristine) {
    const std::shared_ptr<const Sysctls> own_when_new = new_node.kept();
    NETNS_LAB_ASSIGN(snapshot.pristine,
                     read_pristine_state(network, options, {own_when_new.get(), &states.common_sysctls}));
  }
  snapshot.namespaces = std::move(states).take();
  if (options.processes) {
    NETNS_LAB_ASSIGN(auto processes, list_processes());
    snapshot.processes_hidden = !processes;
    if (processes) snapshot.processes = *std::move(processes);
  }
  if (options.files) {
    NETNS_LAB_ASSIGN(snapshot.files, list_leftovers(context));
  }
  return snapshot;
}

}  // namespace netns_lab::node
