#include "harness/node/snapshot.h"

#include <sys/utsname.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/netns/named.h"
#include "harness/node/leftovers.h"
#include "harness/node/network_state.h"
#include "harness/node/processes.h"

namespace netns_lab::node {

namespace {

// Links of which a namespace has so many have settings like all others': 130 of each of a thousand, which say nothing,
// would be most of a snapshot.
constexpr std::size_t kManyLinks = 64;

// The same setting of `default`, from which a new link's is copied, or, of neighbour tables, of lo; "" of other keys.
// What decides which addresses the kernel makes is kept of every link.
std::string usual_key(const std::string& key) {
  if (key.ends_with(".disable_ipv6") || key.ends_with(".addr_gen_mode")) return "";
  for (const std::string prefix : {"net.ipv4.conf.", "net.ipv6.conf.", "net.ipv4.neigh.", "net.ipv6.neigh."}) {
    if (!key.starts_with(prefix)) continue;
    const std::size_t end = key.find('.', prefix.size());
    if (end == std::string::npos) return "";
    return prefix + (prefix.ends_with(".neigh.") ? "lo" : "default") + key.substr(end);
  }
  return "";
}

void leave_out_usual_sysctls(NamespaceState& state) {
  if (state.links.size() <= kManyLinks) return;
  std::erase_if(state.sysctls, [&state](const auto& entry) {
    const std::string usual = usual_key(entry.first);
    if (usual.empty() || usual == entry.first) return false;
    const auto found = state.sysctls.find(usual);
    return found != state.sysctls.end() && found->second == entry.second;
  });
}

std::set<std::string> kinds_in(const NetworkStates& states) {
  std::set<std::string> kinds;
  for (const NamespaceState& state : states.namespaces) {
    for (const Link& link : state.links) kinds.insert(link.kind);
  }
  return kinds;
}

}  // namespace

Result<Snapshot> take_snapshot(const AgentContext& context, NodeOrigin& origin, NetworkHandles& network,
                               const SnapshotOptions& options) {
  Snapshot snapshot;
  MountLook mounts;
  std::vector<std::string> names;
  if (options.entries || options.files || !options.only) {
    // First of all: what the rest is read from may have to be mended.
    NETNS_LAB_ASSIGN(mounts, origin.mounts());
    NETNS_LAB_ASSIGN(snapshot.entries, list_namespace_entries(context.namespace_directory, mounts.table));
    for (const NamespaceEntry& entry : snapshot.entries) {
      const bool is_asked =
          !options.only || std::find(options.only->begin(), options.only->end(), entry.name) != options.only->end();
      if (entry.is_network && is_asked) names.push_back(entry.name);
    }
  } else {
    std::copy_if(options.only->begin(), options.only->end(), std::back_inserter(names),
                 [](const std::string& name) { return !name.empty(); });
    std::sort(names.begin(), names.end());
  }
  NETNS_LAB_ASSIGN(NetworkStates states, read_network_states(network, names, options));
  const bool has_own = !states.namespaces.empty() && states.namespaces.front().name.empty();
  if (options.all_sysctls && has_own) origin.sysctls().keep(states.common_sysctls.front());
  if (options.pristine) {
    const std::shared_ptr<const Sysctls> own_when_new = origin.sysctls().kept();
    NETNS_LAB_ASSIGN(snapshot.pristine, read_pristine_state(network, options,
                                                            {own_when_new.get(), &states.common_sysctls,
                                                             &origin.links(), kinds_in(states)}));
  }
  snapshot.namespaces = std::move(states).take();
  if (options.only) {
    for (NamespaceState& state : snapshot.namespaces) leave_out_usual_sysctls(state);
  }
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
