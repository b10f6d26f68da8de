#include "harness/target/declared.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "harness/base/text.h"

namespace netns_lab {
namespace {

// Far longer than the kernel's worker takes, short enough for a target that builds it wrong.
constexpr std::chrono::milliseconds kSettling{250};
constexpr std::size_t kAtOnce = 400;  // links that are waited for by one request

}  // namespace

Result<void> let_links_settle(Node& node, const BuildTask& task) {
  protocol::AwaitRequest state;
  for (const Attachment& attachment : task.topology.attachments) {
    protocol::AwaitRequest::LinkState host;
    host.link = attachment.host_link;
    protocol::AwaitRequest::LinkState container;
    container.network_namespace = attachment.network_namespace;
    container.link = attachment.container_link;
    state.links.push_back(host);
    state.links.push_back(container);
  }
  for (const std::string& link : task.topology.links) {
    const auto is_known = [&](const auto& known) { return known.network_namespace.empty() && known.link == link; };
    if (std::any_of(state.links.begin(), state.links.end(), is_known)) continue;
    protocol::AwaitRequest::LinkState own;  // a bridge
    own.link = link;
    state.links.push_back(own);
  }
  // Each namespace that is waited in costs the node a descriptor.
  const auto whole = std::exchange(state.links, {});
  for (std::size_t done = 0; done < whole.size(); done += kAtOnce) {
    const auto begin = whole.begin() + static_cast<std::ptrdiff_t>(done);
    state.links.assign(begin, begin + static_cast<std::ptrdiff_t>(std::min(kAtOnce, whole.size() - done)));
    const Result<void> settled = node.await(state, std::min(kSettling, task.step_limit));
    // A namespace or link that is not there is the target's doing as well.
    const bool ours =
        !settled && (settled.error().kind == ErrorKind::kLost || settled.error().kind == ErrorKind::kCancelled ||
                     settled.error().kind == ErrorKind::kInternal);
    if (ours) return tl::unexpected(settled.error());
    if (!settled) break;
  }
  return {};
}

Result<std::string> delete_declared(Node& node, const Topology& topology) {
  SnapshotOptions options;
  options.processes = false;
  options.files = false;
  options.only = {""};
  NETNS_LAB_ASSIGN(const Snapshot now, node.snapshot(options));
  std::vector<Change> changes;
  std::vector<std::string> words;
  // Links first: what hangs on them is gone when this returns, while a namespace's links go some time after it.
  const NamespaceState* own = now.find_namespace("");
  for (const std::string& link : topology.links) {
    if (own == nullptr || own->find_link(link) == nullptr) continue;
    changes.emplace_back(DeleteLink{"", link});
    words.push_back("link " + link);
  }
  for (const std::string& name : topology.namespaces) {
    if (now.find_entry(name) == nullptr) continue;
    changes.emplace_back(DeleteNamespace{name});
    words.push_back("namespace " + name);
  }
  for (const Change& change : topology.build) {
    const auto* table = std::get_if<CreateNftTable>(&change);
    if (table == nullptr || !table->network_namespace.empty() || own == nullptr) continue;
    const std::string name = nft_table_text(table->family, table->name);
    const auto is_it = [&name](const PacketFilter& seen) { return seen.name == name; };
    if (std::none_of(own->nft_tables.begin(), own->nft_tables.end(), is_it)) continue;
    changes.emplace_back(DeleteNftTable{"", table->family, table->name});
    words.push_back("nft table " + name);
  }
  // What hangs on none of them: routes over the uplink, and settings of the node.
  for (const Change& change : topology.tear_down) {
    if (const auto* set = std::get_if<SetSysctl>(&change)) {
      if (!set->network_namespace.empty()) continue;
      changes.emplace_back(*set);
      words.push_back(set->key + "=" + set->value);
    } else if (const auto* gone = std::get_if<DeleteRoute>(&change)) {
      const auto is_it = [gone](const Route& route) {
        return route.table == gone->route.table && route.destination == gone->route.destination;
      };
      if (!gone->network_namespace.empty() || own == nullptr ||
          std::none_of(own->routes.begin(), own->routes.end(), is_it))
        continue;
      changes.emplace_back(*gone);
      words.push_back("route " + gone->route.destination.to_string());
    }
  }
  if (changes.empty()) return "of which nothing was there";
  NETNS_LAB_TRY(node.apply(std::move(changes)));
  return join(words, ", ");
}

}  // namespace netns_lab
