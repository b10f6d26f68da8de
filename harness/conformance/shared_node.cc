#include "harness/conformance/shared_node.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/conformance/undeclared_sysctls.h"

namespace netns_lab {
namespace {

// Of `now` what is the target's, of `was` the rest.
template <typename T, typename IsTied>
std::vector<T> merged(const std::vector<T>& was, std::vector<T> now, const IsTied& is_tied) {
  std::erase_if(now, [&](const T& each) { return !is_tied(each); });
  for (const T& each : was) {
    if (!is_tied(each)) now.push_back(each);
  }
  return now;
}

// "net.ipv4.conf.veth1.forwarding"; a dot within a link's name is written as a slash (sysctl(8)).
bool is_of_link(const std::string& key, std::string link) {
  std::replace(link.begin(), link.end(), '.', '/');
  return key.find("." + link + ".") != std::string::npos;
}

Link as_nobody_touched_it(Link link, const DeclaredLink& known, const NamespaceState* pristine) {
  link.alias.clear();
  link.alternative_names.clear();
  link.group = known.group;
  link.settings.clear();
  link.switched_off.clear();
  if (pristine == nullptr) return link;
  for (const Link& fresh : pristine->new_links) {
    if (fresh.kind == link.kind && fresh.mac.is_zero() == link.mac.is_zero()) link.switched_off = fresh.switched_off;
  }
  return link;
}

void keep_tied(const NamespaceState& was, const NamespaceState* pristine, const Declaration& declared,
               NamespaceState& now) {
  const auto is_declared = [&](const std::string& link) { return declared.has_link("", link); };
  now.links = merged(was.links, std::move(now.links), [&](const Link& link) { return is_declared(link.name); });
  for (Link& link : now.links) {
    if (const DeclaredLink* const known = declared.find_link("", link.name))
      link = as_nobody_touched_it(std::move(link), *known, pristine);
  }
  now.addresses = merged(was.addresses, std::move(now.addresses),
                         [&](const InterfaceAddress& address) { return is_declared(address.link); });
  now.routes = merged(was.routes, std::move(now.routes), [&](const Route& route) {
    return declared.routes_to("", route.destination) ||
           std::any_of(route.hops.begin(), route.hops.end(), [&](const NextHop& hop) { return is_declared(hop.link); });
  });
  now.rules = was.rules;
  now.neighbours = merged(was.neighbours, std::move(now.neighbours),
                          [&](const Neighbour& neighbour) { return is_declared(neighbour.link); });
  now.forwarding = merged(was.forwarding, std::move(now.forwarding), [&](const ForwardingEntry& entry) {
    return is_declared(entry.link) || is_declared(entry.bridge);
  });
  now.qdiscs =
      merged(was.qdiscs, std::move(now.qdiscs), [&](const QueueDiscipline& qdisc) { return is_declared(qdisc.link); });
  now.nft_tables = merged(was.nft_tables, std::move(now.nft_tables),
                          [&](const PacketFilter& table) { return declared.has_nft_table("", table.name); });
  now.sockets = merged(was.sockets, std::move(now.sockets), [&](const BoundSocket& socket) {
    return std::any_of(declared.sockets.begin(), declared.sockets.end(), [&](const DeclaredSocket& one) {
      return one.network_namespace.empty() && one.port == socket.port;
    });
  });
  now.further = was.further;
  const auto is_tied = [&](const std::string& key) {
    // Of links to come: whoever set it, it is what the kernel makes of what is declared.
    const bool is_usual = key.find(".default.") != std::string::npos;
    const auto found = now.sysctls.find(key);
    if (is_usual && found != now.sysctls.end() && found->second == set_along("", key, declared)) return true;
    return std::any_of(declared.links.begin(), declared.links.end(),
                       [&](const DeclaredLink& link) {
                         return link.network_namespace.empty() && is_of_link(key, link.name);
                       }) ||
           std::any_of(declared.sysctls.begin(), declared.sysctls.end(),
                       [&](const DeclaredSysctl& one) { return one.network_namespace.empty() && one.key == key; });
  };
  std::erase_if(now.sysctls, [&](const auto& entry) { return !is_tied(entry.first); });
  for (const auto& [key, value] : was.sysctls) {
    if (!is_tied(key)) now.sysctls.emplace(key, value);
  }
}

}  // namespace

Snapshot tied_to_target(const Snapshot& before, Snapshot now, const Declaration& declared) {
  const NamespaceState* const was = before.find_namespace("");
  std::set<std::uint64_t> own_inodes;  // of the declared namespaces
  for (NamespaceState& state : now.namespaces) {
    if (state.name.empty() && was != nullptr) keep_tied(*was, now.pristine ? &*now.pristine : nullptr, declared, state);
    if (declared.has_namespace(state.name)) own_inodes.insert(state.inode);
  }
  now.namespaces = merged(before.namespaces, std::move(now.namespaces), [&](const NamespaceState& state) {
    return state.name.empty() || declared.has_namespace(state.name);
  });
  now.entries = merged(before.entries, std::move(now.entries),
                       [&](const NamespaceEntry& entry) { return declared.has_namespace(entry.name); });
  now.processes = merged(before.processes, std::move(now.processes), [&](const ProcessState& process) {
    return own_inodes.contains(process.network_namespace_inode);
  });
  now.files = before.files;
  now.mounts = before.mounts;
  now.host_name = before.host_name;
  now.domain_name = before.domain_name;
  return now;
}

}  // namespace netns_lab
