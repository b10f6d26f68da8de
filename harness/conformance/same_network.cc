#include "harness/conformance/same_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "harness/conformance/closed_world.h"
#include "harness/conformance/kernel_made.h"
#include "harness/model/diff.h"

namespace netns_lab {
namespace {

bool leads_over(const Route& route, const std::vector<std::string>& links) {
  return std::any_of(route.hops.begin(), route.hops.end(), [&](const NextHop& hop) {
    return std::find(links.begin(), links.end(), hop.link) != links.end();
  });
}

// What is on the node beside the declared links was there before, or is undeclared and told as such.
void keep_declared(NamespaceState& node, const Declaration& declared) {
  std::vector<std::string> links;
  for (const DeclaredLink& link : declared.links) {
    if (link.network_namespace.empty()) links.push_back(link.name);
  }
  const auto is_other = [&](const std::string& link) {
    return std::find(links.begin(), links.end(), link) == links.end();
  };
  std::erase_if(node.links, [&](const Link& link) { return is_other(link.name); });
  std::erase_if(node.addresses, [&](const InterfaceAddress& address) { return is_other(address.link); });
  std::erase_if(node.routes, [&](const Route& route) {
    return !leads_over(route, links) && !declared.routes_to("", route.destination);
  });
  std::erase_if(node.neighbours, [&](const Neighbour& entry) { return is_other(entry.link); });
  std::erase_if(node.forwarding, [&](const ForwardingEntry& entry) { return is_other(entry.link); });
  std::erase_if(node.qdiscs, [&](const QueueDiscipline& qdisc) { return is_other(qdisc.link); });
  node.rules.clear();
  std::erase_if(node.nft_tables, [&](const PacketFilter& table) { return !declared.has_nft_table("", table.name); });
  node.sockets.clear();
  node.further.clear();
}

// A rule may ask for a link by its index, which a link that is made again has not.
std::string by_name(const PacketField& field, const NamespaceState& state) {
  const bool is_index = (field.of == "iif" || field.of == "oif") && field.first == field.last;
  std::uint32_t index = 0;
  if (!is_index ||
      std::from_chars(field.first.data(), field.first.data() + field.first.size(), index, 16).ec != std::errc())
    return field.first + "-" + field.last;
  const Link* const link = state.find_link(index);
  return link == nullptr ? "nothing" : link->name;
}

// Where rules ask for an index: what they do, with names in place of indexes.
void name_links(PacketFilter& table, const NamespaceState& state) {
  bool has_index = false;
  std::string text;
  for (const PacketChain& chain : table.chains) {
    text += fmt::format("{} {}:", chain.hook, chain.priority);
    for (const PacketStep& step : chain.steps) {
      text += fmt::format(" {} {} {} {}", step.does, step.skip, step.mask, step.value);
      for (const PacketMatch& match : step.asks) {
        text += match.negated ? " not" : " any";
        for (const auto& fields : match.any) {
          text += " of";
          for (const PacketField& field : fields) {
            has_index = has_index || field.of == "iif" || field.of == "oif";
            text += fmt::format(" {} {} {} {}", field.of, field.offset, field.mask, by_name(field, state));
          }
        }
      }
    }
  }
  if (!has_index) return;
  table.contents = std::move(text);
  table.chains.clear();
}

NamespaceState without_sysctls(const NamespaceState& original) {
  NamespaceState state;
  state.name = original.name;
  state.inode = original.inode;
  state.links = original.links;
  state.addresses = original.addresses;
  state.routes = original.routes;
  state.rules = original.rules;
  state.neighbours = original.neighbours;
  state.forwarding = original.forwarding;
  state.qdiscs = original.qdiscs;
  state.nft_tables = original.nft_tables;
  state.sockets = original.sockets;
  state.further = original.further;
  state.netnsids = original.netnsids;
  return state;
}

Snapshot comparable(const Snapshot& snapshot, const Declaration& declared) {
  Snapshot kept;
  for (const NamespaceState& original : snapshot.namespaces) {
    if (!original.name.empty() && !declared.has_namespace(original.name)) continue;
    NamespaceState state = without_sysctls(original);
    std::erase_if(state.addresses, [&](const auto& address) { return is_kernel_made_address(address, original); });
    std::erase_if(state.routes, [&](const auto& route) { return is_kernel_made_route(route, original); });
    std::erase_if(state.forwarding, [&](const auto& entry) { return is_kernel_made_forwarding(entry, original); });
    for (PacketFilter& table : state.nft_tables) name_links(table, original);
    if (state.name.empty()) keep_declared(state, declared);
    for (Link& link : state.links) link.mac = MacAddress();
    kept.namespaces.push_back(std::move(state));
  }
  return kept;
}

// The declared namespaces are compared with each other.
std::vector<std::string> undeclared_on_the_node(const Snapshot& before, const Snapshot& snapshot,
                                                const Declaration& declared) {
  Snapshot after = without_sysctls(snapshot);
  std::erase_if(after.namespaces, [](const NamespaceState& state) { return !state.name.empty(); });
  std::vector<std::string> findings;
  for (const Area area : all_areas()) {
    for (auto& finding : undeclared(area, before, after, declared)) findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace

Snapshot without_sysctls(const Snapshot& snapshot) {
  Snapshot copy;
  for (const NamespaceState& state : snapshot.namespaces) copy.namespaces.push_back(without_sysctls(state));
  copy.entries = snapshot.entries;
  copy.processes = snapshot.processes;
  copy.files = snapshot.files;
  copy.mounts = snapshot.mounts;
  copy.host_name = snapshot.host_name;
  copy.domain_name = snapshot.domain_name;
  return copy;
}

std::vector<std::string> differences_of_builds(const Snapshot& before, const Snapshot& first, const Snapshot& second,
                                               const Declaration& declared) {
  DiffOptions options;
  options.namespace_identity = false;
  std::vector<std::string> lines;
  for (const Finding& finding : diff(comparable(first, declared), comparable(second, declared), options))
    lines.push_back(to_string(finding));
  const std::vector<std::string> known = undeclared_on_the_node(before, first, declared);
  for (auto& finding : undeclared_on_the_node(before, second, declared)) {
    if (std::find(known.begin(), known.end(), finding) == known.end()) lines.push_back(std::move(finding));
  }
  return lines;
}

}  // namespace netns_lab
