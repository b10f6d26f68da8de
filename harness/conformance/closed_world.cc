#include "harness/conformance/closed_world.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>
#include <stdexcept>

#include "harness/base/text.h"
#include "harness/conformance/kernel_made.h"
#include "harness/conformance/translation_scope.h"
#include "harness/conformance/undeclared_leftovers.h"
#include "harness/conformance/undeclared_links.h"
#include "harness/conformance/undeclared_sysctls.h"

namespace netns_lab {
namespace {

constexpr std::size_t kLongestValue = 200;  // bytes of one value in a message

template <typename Value>
std::string text_of(const Value& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

// One namespace under judgement: as it is, and what it is compared with.
struct Comparison {
  std::string name;  // "" the node
  const NamespaceState* was = nullptr;
  const NamespaceState* is = nullptr;
  bool is_new = false;                       // a declared namespace, compared with a pristine one
  const NamespaceState* pristine = nullptr;  // null where nothing new is to be judged
};

using Findings = std::vector<std::string>;

std::string nobody(const std::string& what, const std::string& place, const std::string& detail) {
  return fmt::format("{} in {}: nobody declared it ({})", what, place, detail);
}
std::string vanished(const std::string& what, const std::string& place) {
  return fmt::format("{} in {} was there before and is gone", what, place);
}

// Values of `is` that `was` lacks and values of `was` that `is` lacks, each value counted as often as it occurs.
template <typename Value, typename Same>
std::vector<Value> lacking(const std::vector<Value>& in, std::vector<Value> from, Same same) {
  std::vector<Value> more;
  for (const Value& value : in) {
    const auto found = std::find_if(from.begin(), from.end(), [&](const Value& other) { return same(value, other); });
    if (found == from.end()) {
      more.push_back(value);
    } else {
      from.erase(found);
    }
  }
  return more;
}

// The links whose kernel-made addresses and routes are looked for: those declared here, and lo. (What was there before
// is compared one by one.)
std::vector<std::string> watched_links(const Comparison& here, const Declaration& declared) {
  std::vector<std::string> names;
  for (const DeclaredLink& link : declared.links) {
    if (link.network_namespace == here.name) names.push_back(link.name);
  }
  if (here.is_new) names.emplace_back("lo");
  return names;
}

// The same address on the link of the same name, whatever else is said of it.
const InterfaceAddress* find_address(const NamespaceState& state, const InterfaceAddress& wanted) {
  const auto found = std::find_if(state.addresses.begin(), state.addresses.end(), [&](const InterfaceAddress& address) {
    return address.link == wanted.link && address.prefix == wanted.prefix && address.peer == wanted.peer;
  });
  return found == state.addresses.end() ? nullptr : &*found;
}

Findings addresses(const Comparison& here, const Declaration& declared) {
  // How long an address is still valid counts down; whether it is for ever does not.
  const auto same = [](const InterfaceAddress& a, const InterfaceAddress& b) {
    const auto settled = [](const InterfaceAddress& address) {
      return address.flags &
             ~static_cast<std::uint32_t>(IFA_F_TENTATIVE | IFA_F_OPTIMISTIC | IFA_F_DADFAILED | IFA_F_DEPRECATED);
    };
    const auto is_forever = [](const InterfaceAddress& address) {
      return address.valid_lifetime == kForeverLifetime && address.preferred_lifetime == kForeverLifetime;
    };
    return a.link == b.link && a.prefix == b.prefix && a.scope == b.scope && a.peer == b.peer &&
           a.broadcast == b.broadcast && a.label == b.label && settled(a) == settled(b) &&
           is_forever(a) == is_forever(b);
  };
  const std::string place = place_text(here.name);
  Findings findings;
  for (const auto& address : lacking(here.is->addresses, here.was->addresses, same)) {
    if (declared.has_link(here.name, address.link)) continue;  // a claim of its own
    // A loopback that is up has its two addresses; whether it is up is a claim of its own.
    const bool own_loopback =
        address.link == "lo" && address.prefix.address.is_loopback() &&
        (address.prefix.length == 8 || address.prefix.length == 128) &&
        (address.prefix.address == IpAddress::v4(127, 0, 0, 1) || !address.prefix.address.is_v4());
    if (here.is_new && own_loopback) continue;
    const std::string what = fmt::format("address {} on {}", address.prefix.to_string(), address.link);
    const InterfaceAddress* before = find_address(*here.was, address);
    if (before != nullptr) {
      findings.push_back(
          fmt::format("{} in {} was changed: {}; before: {}", what, place, text_of(address), text_of(*before)));
    } else if (!is_kernel_made_address(address, *here.is)) {
      findings.push_back(nobody(what, place, text_of(address)));
    }
  }
  for (const auto& address : here.was->addresses) {
    if (here.is_new || find_address(*here.is, address) != nullptr) continue;
    findings.push_back(vanished(fmt::format("address {} on {}", address.prefix.to_string(), address.link), place));
  }
  for (const std::string& link : watched_links(here, declared)) {
    for (const std::string& lost : missing_kernel_addresses(*here.is, link))
      findings.push_back(fmt::format("{} in {} lacks {}", link, place, lost));
  }
  return findings;
}

bool same_route(const Route& a, const Route& b) {
  const auto same_hop = [](const NextHop& x, const NextHop& y) {
    return x.link == y.link && x.gateway == y.gateway && x.weight == y.weight;
  };
  return a.destination == b.destination && a.type == b.type && a.table == b.table && a.metric == b.metric &&
         a.tos == b.tos && a.protocol == b.protocol && a.scope == b.scope && a.preferred_source == b.preferred_source &&
         a.mtu == b.mtu && a.other_metrics == b.other_metrics && a.hops.size() == b.hops.size() &&
         std::equal(a.hops.begin(), a.hops.end(), b.hops.begin(), same_hop);
}

Findings routes(const Comparison& here, const Declaration& declared) {
  const std::string place = place_text(here.name);
  Findings findings;
  for (const auto& route : lacking(here.is->routes, here.was->routes, same_route)) {
    if (route.table == kMainTable && declared.routes_to(here.name, route.destination)) continue;  // a claim of its own
    if (is_kernel_made_route(route, *here.is)) continue;
    findings.push_back(nobody("route to " + (route.is_default() ? "default" : route.destination.to_string()), place,
                              fmt::format("{} table {}", text_of(route), route.table)));
  }
  for (const auto& route : lacking(here.was->routes, here.is->routes, same_route)) {
    if (here.is_new) continue;
    // One that followed from an address goes with it; the address is the finding then.
    if (is_kernel_made_route(route, *here.was) && !is_kernel_made_route(route, *here.is)) continue;
    findings.push_back(vanished("route " + text_of(route), place));
  }
  for (const std::string& link : watched_links(here, declared)) {
    for (const std::string& lost : missing_kernel_routes(*here.is, link)) {
      findings.push_back(
          fmt::format("{} is missing in {}, link {}: the kernel made it, somebody deleted it", lost, place, link));
    }
  }
  return findings;
}

template <typename Value>
Findings same_set(const std::vector<Value>& was, const std::vector<Value>& is, const std::string& place,
                  const std::string& what) {
  Findings findings;
  const auto equal = [](const Value& a, const Value& b) { return a == b; };
  for (const auto& value : lacking(is, was, equal))
    findings.push_back(fmt::format("{} in {}: nobody declared it ({})", what, place, text_of(value)));
  for (const auto& value : lacking(was, is, equal)) {
    findings.push_back(fmt::format("{} in {} was there before and is gone ({})", what, place, text_of(value)));
  }
  return findings;
}

// The kernel makes entries that need no resolution (NUD_NOARP) itself: for multicast and broadcast, on loopbacks, and
// on links without ARP, with the link's own address (arp_constructor, net/ipv4/arp.c; ndisc_constructor,
// net/ipv6/ndisc.c).
bool is_made_by_hand(const Neighbour& entry, const NamespaceState& state) {
  if (entry.is_static()) return true;
  if ((entry.state & NUD_NOARP) == 0 || entry.address.is_multicast() || !entry.mac || entry.mac->is_zero())
    return false;
  if ((entry.mac->bytes()[0] & 1) != 0) return false;
  const Link* link = state.find_link(entry.link_index);
  return link == nullptr || link->mac != *entry.mac;
}

Findings neighbours(const Comparison& here) {
  const auto made_by_hand = [](const NamespaceState& state) {
    std::vector<std::string> entries;
    for (const Neighbour& entry : state.neighbours) {
      if (is_made_by_hand(entry, state)) entries.push_back(text_of(entry));
    }
    return entries;
  };
  return same_set(made_by_hand(*here.was), made_by_hand(*here.is), place_text(here.name), "neighbour entry");
}

Findings forwarding(const Comparison& here, const Declaration& declared) {
  const auto is_declared = [&](const ForwardingEntry& entry) {
    return std::any_of(declared.forwarding.begin(), declared.forwarding.end(), [&](const DeclaredForwarding& one) {
      return one.network_namespace == here.name && one.link == entry.link && one.mac == entry.mac &&
             entry.destination == one.destination && entry.otherwise.empty();
    });
  };
  const auto made_by_hand = [&](const NamespaceState& state) {
    std::vector<std::string> entries;
    for (const ForwardingEntry& entry : state.forwarding) {
      if (!entry.is_learned() && !is_kernel_made_forwarding(entry, state) && !is_declared(entry) &&
          !is_taken_in_by_link(entry, state))
        entries.push_back(text_of(entry));
    }
    return entries;
  };
  return same_set(made_by_hand(*here.was), made_by_hand(*here.is), place_text(here.name), "forwarding entry");
}

Findings qdiscs(const Comparison& here) {
  const auto texts = [](const NamespaceState& state) {
    std::vector<std::string> lines;
    for (const auto& qdisc : state.qdiscs)
      lines.push_back(
          fmt::format("{} on {}, handle {:x}:, parent {:x}", qdisc.kind, qdisc.link, qdisc.handle >> 16, qdisc.parent));
    return lines;
  };
  return same_set(texts(*here.was), texts(*here.is), place_text(here.name), "queueing discipline");
}

Findings packet_filters(const Comparison& here, const Declaration& declared) {
  const std::string place = place_text(here.name);
  const auto equal = [](const PacketFilter& a, const PacketFilter& b) { return a == b; };
  std::vector<PacketFilter> gone = lacking(here.was->nft_tables, here.is->nft_tables, equal);
  Findings findings;
  for (const PacketFilter& filter : lacking(here.is->nft_tables, here.was->nft_tables, equal)) {
    const auto was =
        std::find_if(gone.begin(), gone.end(), [&](const auto& other) { return other.name == filter.name; });
    if (was == gone.end()) {
      if (!declared.has_nft_table(here.name, filter.name)) {
        findings.push_back(nobody("packet filter", place, to_string(filter)));
        continue;
      }
      // That it is there is a claim of its own.
      PacketFilter judged = filter;
      const DeclaredTable& table = *declared.find_nft_table(here.name, filter.name);
      if (gives_every_protocol_a_source(declared, table, *here.is, filter)) judged.parted.clear();
      const std::vector<std::string> more = declared.undeclared_statements(here.name, judged);
      if (more.empty()) continue;
      findings.push_back(
          fmt::format("packet filter in {}: {} is declared, and nobody declared that it also has: {} ({})", place,
                      filter.name, join(more, ", "), to_string(filter)));
      continue;
    }
    findings.push_back(
        fmt::format("packet filter in {} was changed ({}; it was: {})", place, to_string(filter), to_string(*was)));
    gone.erase(was);
  }
  for (const std::string& finding : scope_findings(declared, *here.was, *here.is))
    findings.push_back(fmt::format("packet filter in {}: {}", place, finding));
  for (const PacketFilter& filter : gone)
    findings.push_back(fmt::format("packet filter in {} was there before and is gone ({})", place, to_string(filter)));
  for (const Link& link : here.is->links) {
    const Link* before = here.was->find_link(link.name);
    if (link.xdp_attached && (before == nullptr || !before->xdp_attached))
      findings.push_back(fmt::format("XDP program on {} in {}: nobody declared it", link.name, place));
  }
  return findings;
}

Findings sockets(const Comparison& here, const Declaration& declared) {
  const auto is_declared = [&](const BoundSocket& socket) {
    return std::any_of(declared.sockets.begin(), declared.sockets.end(), [&](const DeclaredSocket& one) {
      return one.network_namespace == here.name && socket.protocol == "udp" && socket.port == one.port;
    });
  };
  const auto texts = [&](const NamespaceState& state) {
    std::vector<std::string> lines;
    for (const auto& socket : state.sockets)
      if (!is_declared(socket))
        lines.push_back(fmt::format("{} {} port {}", socket.protocol, socket.address.to_string(), socket.port));
    return lines;
  };
  return same_set(texts(*here.was), texts(*here.is), place_text(here.name), "socket");
}

// To which area an object of a sort belongs that no scenario declares.
Area area_of(const FurtherObject& object) {
  if (object.kind == "xfrm policy" || object.kind == "xfrm state" || object.kind == "IP set")
    return Area::kPacketFilters;
  if (object.kind == "multicast group") return Area::kForwarding;
  return object.kind == "next hop" || object.kind == "multicast route" ? Area::kRoutes : Area::kAddresses;
}

Findings further(Area area, const Comparison& here) {
  const std::string place = place_text(here.name);
  const auto equal = [](const FurtherObject& a, const FurtherObject& b) { return a == b; };
  const auto of_area = [area](std::vector<FurtherObject> objects) {
    std::erase_if(objects, [area](const FurtherObject& object) { return area_of(object) != area; });
    return objects;
  };
  std::vector<FurtherObject> gone = of_area(lacking(here.was->further, here.is->further, equal));
  Findings findings;
  for (const FurtherObject& object : of_area(lacking(here.is->further, here.was->further, equal))) {
    const std::string what = visible_line(object.kind + " " + object.name);
    const auto was = std::find_if(gone.begin(), gone.end(), [&](const FurtherObject& other) {
      return other.kind == object.kind && other.name == object.name;
    });
    if (was == gone.end()) {
      findings.push_back(nobody(what, place, visible(object.details, kLongestValue)));
      continue;
    }
    findings.push_back(fmt::format("{} in {} was changed: {}, it was {}", what, place,
                                   visible(object.details, kLongestValue), visible(was->details, kLongestValue)));
    gone.erase(was);
  }
  for (const FurtherObject& object : gone)
    findings.push_back(vanished(visible_line(object.kind + " " + object.name), place));
  return findings;
}

Findings both(Findings findings, Findings more) {
  for (std::string& finding : more) findings.push_back(std::move(finding));
  return findings;
}

Findings in_namespace(Area area, const Comparison& here, const Declaration& declared) {
  switch (area) {
    case Area::kLinks:
      return undeclared_links({here.name, *here.was, *here.is, here.is_new, here.pristine}, declared);
    case Area::kAddresses:
      return both(addresses(here, declared), further(area, here));
    case Area::kRoutes:
      return both(routes(here, declared), further(area, here));
    case Area::kRules:
      return same_set(here.was->rules, here.is->rules, place_text(here.name), "routing rule");
    case Area::kNeighbours:
      return neighbours(here);
    case Area::kForwarding:
      return both(forwarding(here, declared), further(area, here));
    case Area::kSysctls:
      return undeclared_sysctls(here.name, *here.was, *here.is, declared);
    case Area::kPacketFilters:
      return both(packet_filters(here, declared), further(area, here));
    case Area::kQdiscs:
      return qdiscs(here);
    case Area::kSockets:
      return sockets(here, declared);
    default:
      return {};
  }
}

Findings entries(const Snapshot& before, const Snapshot& after, const Declaration& declared) {
  Findings findings;
  for (const auto& entry : after.entries) {
    if (declared.has_namespace(entry.name)) continue;
    const NamespaceEntry* was = before.find_entry(entry.name);
    if (was == nullptr) {
      findings.push_back(
          fmt::format("/run/netns/{}: nobody declared it ({})", entry.name,
                      entry.is_nsfs_mount ? fmt::format("namespace {}", entry.inode) : std::string("a plain file")));
    } else if (!(*was == entry)) {
      findings.push_back(
          fmt::format("/run/netns/{} was changed: namespace {}, {} mounts; before: namespace {}, {} mounts", entry.name,
                      entry.inode, entry.mounts, was->inode, was->mounts));
    }
  }
  for (const auto& entry : before.entries) {
    if (after.find_entry(entry.name) == nullptr)
      findings.push_back(fmt::format("/run/netns/{} was there before and is gone", entry.name));
  }
  return findings;
}

}  // namespace

std::string to_string(Area area) {
  switch (area) {
    case Area::kLinks:
      return "links";
    case Area::kAddresses:
      return "addresses";
    case Area::kRoutes:
      return "routes";
    case Area::kRules:
      return "routing rules";
    case Area::kNeighbours:
      return "neighbour entries";
    case Area::kForwarding:
      return "forwarding entries";
    case Area::kSysctls:
      return "sysctls";
    case Area::kPacketFilters:
      return "packet filters";
    case Area::kQdiscs:
      return "queueing disciplines";
    case Area::kSockets:
      return "sockets";
    case Area::kNamespaces:
      return "namespace names";
    case Area::kFiles:
      return "files";
    case Area::kMounts:
      return "mounts";
    case Area::kHostName:
      return "host name";
    case Area::kProcesses:
      return "processes";
  }
  return "unknown area";
}

const std::vector<Area>& all_areas() {
  static const std::vector<Area> areas = {Area::kLinks,      Area::kAddresses,  Area::kRoutes,     Area::kRules,
                                          Area::kNeighbours, Area::kForwarding, Area::kSysctls,    Area::kPacketFilters,
                                          Area::kQdiscs,     Area::kSockets,    Area::kNamespaces, Area::kFiles,
                                          Area::kMounts,     Area::kHostName,   Area::kProcesses};
  return areas;
}

std::vector<std::string> undeclared(Area area, const Snapshot& before, const Snapshot& after,
                                    const Declaration& declared) {
  const NamespaceState* was = before.find_namespace("");
  const NamespaceState* is = after.find_namespace("");
  if (was == nullptr || is == nullptr)
    throw std::invalid_argument("a snapshot without the node's own namespace proves nothing");
  switch (area) {
    case Area::kNamespaces:
      return entries(before, after, declared);
    case Area::kFiles:
      return undeclared_files(before, after);
    case Area::kMounts:
      return undeclared_mounts(before, after);
    case Area::kHostName:
      return changed_host_names(before, after);
    case Area::kProcesses:
      return undeclared_processes(before, after, declared);
    default:
      break;
  }
  const NamespaceState* const pristine = after.pristine ? &*after.pristine : nullptr;
  Findings findings = in_namespace(area, {"", was, is, false, pristine}, declared);
  for (const auto& name : declared.namespaces) {
    const NamespaceState* inside = after.find_namespace(name);
    // A namespace that is the node's own has been compared already; that it is so is a claim of its own.
    if (inside == nullptr || inside->inode == is->inode) continue;
    if (!after.pristine) throw std::invalid_argument("no pristine namespace to compare " + name + " with");
    for (auto& finding : in_namespace(area, {name, pristine, inside, true, pristine}, declared))
      findings.push_back(std::move(finding));
  }
  for (const NamespaceState& others : after.namespaces) {
    if (others.name.empty() || declared.has_namespace(others.name) || others.inode == is->inode) continue;
    const NamespaceState* const before_it = before.find_namespace(others.name);
    if (before_it == nullptr || before_it->inode != others.inode) continue;  // the names tell
    for (auto& finding : in_namespace(area, {others.name, before_it, &others, false, pristine}, declared))
      findings.push_back(std::move(finding));
  }
  return findings;
}

namespace {

// What iptables leaves of a table when the last rule is deleted: the chains, or not even those. It does nothing, and
// there is no way to be rid of it but nft.
bool is_left_by_iptables(const PacketFilter& table) {
  static const std::set<std::string> kTables = {"filter", "nat", "mangle", "raw", "security"};
  const std::string& name = table.name;
  const std::size_t blank = name.find(' ');
  const std::string family = name.substr(0, blank);
  return table.is_idle && !table.is_dormant && (family == "ip" || family == "ip6") &&
         kTables.count(name.substr(blank + 1)) > 0;
}

Findings differences(const Snapshot& before, const Snapshot& after, bool processes) {
  Findings findings;
  Declaration nothing;
  if (const NamespaceState* own = after.find_namespace("")) {
    for (const PacketFilter& table : own->nft_tables) {
      if (is_left_by_iptables(table)) nothing.nft_tables.push_back({"", table.name});
    }
  }
  for (const Area area : all_areas()) {
    if (area == Area::kProcesses && !processes) continue;
    for (auto& finding : undeclared(area, before, after, nothing)) findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace

std::vector<std::string> left_behind(const Snapshot& before, const Snapshot& after) {
  return differences(before, after, true);
}

std::vector<std::string> changes_of_node(const Snapshot& before, const Snapshot& after) {
  return differences(before, after, false);
}

}  // namespace netns_lab
