#include "suites/bridge-scale/census.h"

#include <fmt/format.h>

#include <linux/if.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include "harness/base/text.h"
#include "harness/conformance/exact.h"
#include "suites/bridge-scale/scenario.h"
#include "suites/bridge/settings.h"
#include "suites/common/parameters.h"

namespace netns_lab::bridge_scale {
namespace {

constexpr std::size_t kTold = 10;  // findings told in full
// Namespaces looked at by one request: some 60 KB of sysctls each, and three sockets.
constexpr std::size_t kPart = 32;
constexpr std::uint32_t kLinkFlags = IFF_BROADCAST | IFF_MULTICAST;
constexpr std::uint32_t kUp = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;

std::string text_of(const Link& link) {
  std::ostringstream out;
  out << link;
  return out.str();
}

// The areas of which a namespace has something.
const std::vector<Area>& areas_of_namespaces() {
  static const std::vector<Area> areas = {Area::kLinks,      Area::kAddresses,  Area::kRoutes,  Area::kRules,
                                          Area::kNeighbours, Area::kForwarding, Area::kSysctls, Area::kPacketFilters,
                                          Area::kQdiscs,     Area::kSockets};
  return areas;
}

std::optional<std::pair<std::string, std::uint32_t>> numbered(const std::string& name) {
  const std::size_t digits = name.find_last_not_of("0123456789") + 1;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data() + digits, name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return std::pair(name.substr(0, digits), number);
}

bool is_up(const Link& link, OperState wanted) { return (link.flags & kUp) == kUp && link.operstate == wanted; }

}  // namespace

std::string ranges_of(const std::vector<std::string>& names) {
  std::set<std::pair<std::string, std::uint32_t>> sorted;
  std::set<std::string> plain;
  for (const std::string& name : names) {
    if (const auto split = numbered(name)) {
      sorted.insert(*split);
    } else {
      plain.insert(name.empty() ? "the node" : name);
    }
  }
  std::vector<std::string> texts(plain.begin(), plain.end());
  for (auto each = sorted.begin(); each != sorted.end();) {
    auto last = each;
    std::uint32_t count = 1;
    for (auto next = std::next(each);
         next != sorted.end() && next->first == each->first && next->second == last->second + 1; ++next, ++count)
      last = next;
    const auto name = [](const auto& split) { return split.first + std::to_string(split.second); };
    texts.push_back(name(*each));
    if (count == 2) texts.push_back(name(*last));
    if (count > 2) texts.back() += " to " + name(*last);
    each = std::next(last);
  }
  return join(texts, ", ");
}

std::string Findings::text() const {
  std::string text;
  std::vector<std::string> others;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    const auto& [about, finding] = all_[i];
    if (i < kTold) {
      text += fmt::format("  - {}: {}\n", about.empty() ? "the node" : about, finding);
    } else {
      others.push_back(about);
    }
  }
  if (!others.empty()) text += fmt::format("  - and {} more findings, about {}\n", others.size(), ranges_of(others));
  return text;
}

Census::Census(const Topology& topology, const Snapshot& own)
    : topology_(topology), own_(own), node_(*own.find_namespace("")), bridge_(node_.find_link(kBridge)) {
  for (const Link& link : node_.links) ports_.emplace(link.name, &link);
  for (const Attachment& each : topology.attachments) containers_.emplace(each.network_namespace, &each);
  Declaration all = declaration_of(topology);
  for (const std::string& name : all.namespaces) declared_[name].namespaces = {name};
  const auto place_of = [this](const std::string& name) {
    const auto found = declared_.find(name);
    return found == declared_.end() ? nullptr : &found->second;
  };
  for (DeclaredLink& each : all.links)
    if (Declaration* const place = place_of(each.network_namespace)) place->links.push_back(std::move(each));
  for (DeclaredAddress& each : all.addresses)
    if (Declaration* const place = place_of(each.network_namespace)) place->addresses.push_back(std::move(each));
  for (DeclaredRoute& each : all.routes)
    if (Declaration* const place = place_of(each.network_namespace)) place->routes.push_back(std::move(each));
  for (DeclaredSysctl& each : all.sysctls)
    if (Declaration* const place = place_of(each.network_namespace)) place->sysctls.push_back(std::move(each));
  for (const Area area : all_areas()) undeclared_[area];
}

std::vector<std::vector<std::string>> Census::parts() const {
  std::vector<std::vector<std::string>> parts;
  for (const std::string& name : topology_.namespaces) {
    if (parts.empty() || parts.back().size() == kPart) parts.emplace_back();
    parts.back().push_back(name);
  }
  return parts;
}

void Census::add(const std::vector<std::string>& part, Snapshot seen) {
  // The node's own namespace is judged apart: an empty one stands for it here.
  Snapshot before;
  before.namespaces.emplace_back();
  seen.namespaces.insert(seen.namespaces.begin(), NamespaceState());
  seen.pristine = own_.pristine;
  for (const std::string& name : part) {
    const NamespaceState* const state = seen.find_namespace(name);
    if (state == nullptr) continue;  // told by its entry
    look_at(*containers_.at(name), *state);
    if (state->inode == node_.inode) continue;
    Snapshot alone;
    alone.namespaces = {NamespaceState(), *state};
    alone.pristine = own_.pristine;
    for (const Area area : areas_of_namespaces()) {
      for (const std::string& finding : netns_lab::undeclared(area, before, alone, declared_.at(name)))
        undeclared_[area].add(name, finding);
    }
  }
}

void Census::look_at(const Attachment& container, const NamespaceState& state) {
  const std::string& name = container.network_namespace;
  const std::string& inner_name = container.container_link;
  const Link* const inner = state.find_link(inner_name);
  look_at_port(container, inner);
  const Link* const lo = state.find_link("lo");
  if (lo == nullptr || !is_up(*lo, OperState::kUnknown)) links_up_.add(name, "its lo is not up");
  if (inner == nullptr) return;
  if (inner->kind != "veth") links_.add(name, fmt::format("{} is a {}, not a veth", inner_name, inner->kind));
  if (inner->mtu != suites::kEthernetMtu)
    links_.add(name, fmt::format("{}'s MTU is {}, not {}", inner_name, inner->mtu, suites::kEthernetMtu));
  if ((inner->flags & ~kUp) != kLinkFlags || inner->master)
    links_.add(name, fmt::format("{} has other flags than BROADCAST and MULTICAST, or a master: {}", inner_name,
                                 text_of(*inner)));
  if (!is_up(*inner, OperState::kUp))
    links_up_.add(name, fmt::format("{} is not up with carrier: {}", inner_name, text_of(*inner)));
  if (inner->mac.is_zero() || (inner->mac.bytes()[0] & 1) != 0)
    macs_.add(name, fmt::format("{}'s MAC {} is no unicast address", inner_name, inner->mac.to_string()));
  const auto [owner, is_new] = owners_.emplace(inner->mac, fmt::format("{} in {}", inner_name, name));
  if (!is_new)
    macs_.add(name, fmt::format("{} has the MAC address {} of {}", inner_name, inner->mac.to_string(), owner->second));

  for (const std::string& finding : address_findings(state, inner_name, container.addresses))
    addresses_.add(name, finding);
  for (const std::string& finding : route_findings(state, connected_route(container.addresses.front(), inner_name)))
    routes_.add(name, finding);
  for (const DeclaredRoute& declared : declared_.at(name).routes) {
    for (const std::string& finding : route_findings(state, declared.route)) routes_.add(name, finding);
  }
}

void Census::look_at_port(const Attachment& container, const Link* inner) {
  const std::string& name = container.network_namespace;
  const std::string& port_name = container.host_link;
  const auto found = ports_.find(port_name);
  if (inner == nullptr) links_.add(name, fmt::format("there is no link {} in it", container.container_link));
  if (found == ports_.end()) {
    links_.add(name, fmt::format("there is no link {} on the node", port_name));
    return;
  }
  const Link& port = *found->second;
  const bool is_pair = inner != nullptr && port.peer_index == inner->index && inner->peer_index == port.index;
  if (inner != nullptr && !is_pair)
    links_.add(name, fmt::format("{} and {} are not each other's peer", port_name, container.container_link));
  if (bridge_ != nullptr && port.master != bridge_->index)
    links_.add(name, fmt::format("{} is no port of {}: {}", port_name, kBridge, text_of(port)));
  if (port.kind != "veth") links_.add(name, fmt::format("{} is a {}, not a veth", port_name, port.kind));
  if (port.mtu != suites::kEthernetMtu)
    links_.add(name, fmt::format("{}'s MTU is {}, not {}", port_name, port.mtu, suites::kEthernetMtu));
  if ((port.flags & ~kUp) != kLinkFlags)
    links_.add(name, fmt::format("{} has other flags than BROADCAST and MULTICAST: {}", port_name, text_of(port)));
  for (const std::string& finding : bridge::setting_findings(port.bridge_port, bridge::port_defaults()))
    links_.add(name, fmt::format("port {}: {}", port_name, finding));
  if (!is_up(port, OperState::kUp))
    links_up_.add(name, fmt::format("{} is not up with carrier: {}", port_name, text_of(port)));
  for (const std::string& finding : bridge::setting_findings(port.bridge_port, {{"state", bridge::kForwarding, true}}))
    links_up_.add(name, fmt::format("port {}: {}", port_name, finding));
  owners_.emplace(port.mac, fmt::format("{} on the node", port_name));
  for (const std::string& finding : address_findings(node_, port_name, {})) addresses_.add(name, finding);
}

void Census::look_at_entries() {
  std::map<std::uint64_t, std::string> owners = {{node_.inode, "the node"}};
  for (const std::string& name : topology_.namespaces) {
    const NamespaceEntry* const entry = own_.find_entry(name);
    if (entry == nullptr) {
      namespaces_.add(name, "there is no /run/netns/" + name);
    } else if (!entry->is_nsfs_mount || !entry->is_network) {
      namespaces_.add(name, fmt::format("/run/netns/{} is {}", name,
                                        entry->is_nsfs_mount ? "no network namespace" : "a plain file"));
    } else {
      if (entry->mounts != 1) namespaces_.add(name, fmt::format("{} mounts are stacked on its name", entry->mounts));
      const auto [owner, is_new] = owners.emplace(entry->inode, name);
      if (!is_new) namespaces_.add(name, "it is the same network namespace as " + owner->second);
    }
  }
  for (const NamespaceEntry& entry : own_.entries) {
    const auto owner = owners.find(entry.inode);
    if (entry.inode != 0 && !containers_.contains(entry.name) && owner != owners.end())
      namespaces_.add(owner->second, fmt::format("/run/netns/{} is a second name of it", entry.name));
  }
}

void Census::finish() {
  look_at_entries();
  if (bridge_ == nullptr) return;
  std::set<std::string> declared(topology_.links.begin(), topology_.links.end());
  for (const Link& link : node_.links) {
    if (link.master == bridge_->index && !declared.contains(link.name))
      links_.add("", fmt::format("{} is a port of {} that nobody declared", link.name, kBridge));
  }
  // A bridge has its lowest port's MAC address, unless it was given one (br_stp_recalculate_bridge_id).
  const auto owner = owners_.find(bridge_->mac);
  if (owner != owners_.end() && owner->second.find(" in ") != std::string::npos)
    macs_.add("", fmt::format("{} has the MAC address {} of {}", kBridge, bridge_->mac.to_string(), owner->second));
}

}  // namespace netns_lab::bridge_scale
