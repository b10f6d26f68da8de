#include "harness/model/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "harness/base/text.h"

namespace netns_lab {
namespace {

// The first element for which `matches` holds, else null.
template <typename T, typename Predicate>
const T* find_first(const std::vector<T>& items, Predicate matches) {
  const auto found = std::find_if(items.begin(), items.end(), matches);
  return found == items.end() ? nullptr : &*found;
}

template <typename Items>
void print_list(std::ostream& out, const char* title, const Items& items) {
  for (const auto& item : items) out << "  " << title << ' ' << item << '\n';
}

}  // namespace

const Link* NamespaceState::find_link(const std::string& link_name) const {
  return find_first(links, [&](const Link& link) { return link.name == link_name; });
}

const Link* NamespaceState::find_link(std::uint32_t index) const {
  return find_first(links, [&](const Link& link) { return link.index == index; });
}

std::vector<InterfaceAddress> NamespaceState::addresses_of(const std::string& link_name) const {
  std::vector<InterfaceAddress> found;
  std::copy_if(addresses.begin(), addresses.end(), std::back_inserter(found),
               [&](const InterfaceAddress& address) { return address.link == link_name; });
  return found;
}

const NamespaceState* Snapshot::find_namespace(const std::string& name) const {
  return find_first(namespaces, [&](const NamespaceState& state) { return state.name == name; });
}

const NamespaceEntry* Snapshot::find_entry(const std::string& name) const {
  return find_first(entries, [&](const NamespaceEntry& entry) { return entry.name == name; });
}

std::string to_string(const FilterHook& hook) {
  return fmt::format("table {}, chain {} ({} rule{}{})", hook.table, hook.chain, hook.rules, hook.rules == 1 ? "" : "s",
                     hook.drops ? ", policy drop" : "");
}

std::ostream& operator<<(std::ostream& out, const QueueDiscipline& qdisc) {
  return out << fmt::format("{} {:x}: dev {} parent {:x}:{:x}", qdisc.kind, qdisc.handle >> 16, qdisc.link,
                            qdisc.parent >> 16, qdisc.parent & 0xFFFF);
}

std::ostream& operator<<(std::ostream& out, const BoundSocket& socket) {
  const char* form = socket.address.is_v4() ? "{} {}:{}" : "{} [{}]:{}";
  return out << fmt::format(fmt::runtime(form), socket.protocol, socket.address.to_string(), socket.port);
}

std::ostream& operator<<(std::ostream& out, const FurtherObject& object) {
  return out << object.name << ": " << object.details;
}

std::ostream& operator<<(std::ostream& out, const NamespaceEntry& entry) {
  out << entry.name;
  if (!entry.is_nsfs_mount) return out << " (a plain file, not a mount of a namespace)";
  out << fmt::format(" (inode {}", entry.inode);
  if (!entry.is_network) out << ", not a network namespace";
  if (entry.mounts != 1) out << fmt::format(", {} mounts", entry.mounts);
  return out << ')';
}

std::ostream& operator<<(std::ostream& out, const ProcessState& process) {
  return out << fmt::format("{} '{}' in network namespace {}", process.pid, visible_line(process.command),
                            process.network_namespace_inode);
}

std::ostream& operator<<(std::ostream& out, const NamespaceState& state) {
  out << (state.name.empty() ? std::string("the node's own namespace") : "namespace " + state.name)
      << fmt::format(" (inode {})\n", state.inode);
  print_list(out, "link", state.links);
  print_list(out, "address", state.addresses);
  print_list(out, "route", state.routes);
  print_list(out, "rule", state.rules);
  print_list(out, "neighbour", state.neighbours);
  print_list(out, "forwarding", state.forwarding);
  print_list(out, "qdisc", state.qdiscs);
  print_list(out, "nft table", state.nft_tables);
  print_list(out, "socket", state.sockets);
  for (const FurtherObject& object : state.further) out << "  " << object.kind << ' ' << object << '\n';
  for (const auto& [key, value] : state.sysctls) out << "  sysctl " << key << " = " << visible_line(value) << '\n';
  for (const auto& [id, inode] : state.netnsids) out << "  netnsid " << id << " is inode " << inode << '\n';
  return out;
}

std::ostream& operator<<(std::ostream& out, const Snapshot& snapshot) {
  for (const NamespaceState& state : snapshot.namespaces) out << state;
  for (const NamespaceEntry& entry : snapshot.entries) out << "/run/netns/" << entry << '\n';
  for (const ProcessState& process : snapshot.processes) out << "process " << process << '\n';
  for (const std::string& file : snapshot.files) out << "file " << visible_line(file) << '\n';
  for (const std::string& mount : snapshot.mounts) out << "mount " << visible_line(mount) << '\n';
  if (!snapshot.host_name.empty()) out << "host name " << visible_line(snapshot.host_name) << '\n';
  if (!snapshot.domain_name.empty()) out << "domain name " << visible_line(snapshot.domain_name) << '\n';
  return out;
}

}  // namespace netns_lab
