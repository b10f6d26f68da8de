#include "harness/node/snapshot.h"

#include <sys/utsname.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/netns/named.h"
#include "harness/node/leftovers.h"
#include "harness/node/network_state.h"
#include "harness/node/processes.h"

namespace netns_lab::node {

Result<Snapshot> take_snapshot(const AgentContext& context, NodeOrigin& origin, NetworkHandles& network,
                               const SnapshotOptions& options) {
  Snapshot snapshot;
  // First of all: what the rest is read from may have to be mended.
  NETNS_LAB_ASSIGN(MountLook mounts, origin.mounts());
  NETNS_LAB_ASSIGN(snapshot.entries, list_namespace_entries(context.namespace_directory, mounts.table));
  std::vector<std::string> names;
  for (const NamespaceEntry& entry : snapshot.entries) {
    const bool is_asked =
        !options.only || std::find(options.only->begin(), options.only->end(), entry.name) != options.only->end();
    if (entry.is_network && is_asked) names.push_back(entry.name);
  }
  NETNS_LAB_ASSIGN(NetworkStates states, read_network_states(network, names, options));
  const bool has_own = !states.namespaces.empty() && states.namespaces.front().name.empty();
  if (options.all_sysctls && has_own) origin.sysctls().keep(states.common_sysctls.front());
  if (options.pristine) {
    const std::shared_ptr<const Sysctls> own_when_new = origin.sysctls().kept();
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
    for (std::string& changed : origin.changed_set_up_files()) snapshot.files.push_back(std::move(changed));
    snapshot.mounts = std::move(mounts.changes);
    utsname host{};
    ::uname(&host);
    snapshot.host_name = static_cast<const char*>(host.nodename);
    snapshot.domain_name = static_cast<const char*>(host.domainname);
  }
  return snapshot;
}

}  // namespace netns_lab::node
