#include "harness/conformance/closed_world.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>
#include <stdexcept>

#include "harness/base/text.h"
#include "harness/conformance/kernel_made.h"

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
  bool is_new = false;  // a declared namespace, compared with a pristine one
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

Findings links(const Comparison& here, const Declaration& declared) {
  Findings findings;
  const std::string place = place_text(here.name);
  for (const Link& link : here.is->links) {
    if (declared.has_link(here.name, link.name)) continue;
    const Link* before = here.was->find_link(link.name);
    if (before == nullptr) {
      findings.push_back(nobody("link " + link.name, place, text_of(link)));
      continue;
    }
    if (link.is_loopback() && here.is_new) continue;  // its state is a claim of its own
    if (before->kind != link.kind || (!here.is_new && before->index != link.index)) {
      findings.push_back(fmt::format("link {} in {} is another one than before ({}; before: {})", link.name, place,
                                     text_of(link), text_of(*before)));
      continue;
    }
    const std::uint32_t flags = before->flags ^ link.flags;
    if (flags != 0 || before->mtu != link.mtu || before->mac != link.mac || before->master != link.master) {
      findings.push_back(
          fmt::format("link {} in {} was changed: {}; before: {}", link.name, place, text_of(link), text_of(*before)));
    }
  }
  for (const Link& link : here.was->links) {
    if (here.is->find_link(link.name) == nullptr) findings.push_back(vanished("link " + link.name, place));
  }
  return findings;
}

Findings addresses(const Comparison& here, const Declaration& declared) {
  const auto same = [](const InterfaceAddress& a, const InterfaceAddress& b) {
    return a.link == b.link && a.prefix == b.prefix && a.scope == b.scope;
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
    if (is_kernel_made_address(address, *here.is)) continue;
    findings.push_back(
        nobody(fmt::format("address {} on {}", address.prefix.to_string(), address.link), place, text_of(address)));
  }
  for (const auto& address : lacking(here.was->addresses, here.is->addresses, same)) {
    if (here.is_new) continue;
    findings.push_back(vanished(fmt::format("address {} on {}", address.prefix.to_string(), address.link), place));
  }
  return findings;
}

bool same_route(const Route& a, const Route& b) {
  const auto same_hop = [](const NextHop& x, const NextHop& y) {
    return x.link == y.link && x.gateway == y.gateway && x.weight == y.weight;
  };
  return a.destination == b.destination && a.type == b.type && a.table == b.table && a.metric == b.metric &&
         a.tos == b.tos && a.preferred_source == b.preferred_source && a.mtu == b.mtu &&
         a.other_metrics == b.other_metrics && a.hops.size() == b.hops.size() &&
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

Findings neighbours(const Comparison& here) {
  const auto permanent = [](const NamespaceState& state) {
    std::vector<std::string> entries;
    for (const Neighbour& entry : state.neighbours) {
      // IPv6 keeps entries for multicast addresses; they are no neighbours (NUD_NOARP), let alone permanent.
      if (!entry.is_permanent()) continue;
      entries.push_back(fmt::format("{} is at {} on {}", entry.address.to_string(),
                                    entry.mac ? entry.mac->to_string() : "no address", entry.link));
    }
    return entries;
  };
  return same_set(permanent(*here.was), permanent(*here.is), place_text(here.name), "permanent neighbour");
}

// The name of the link in "net.ipv4.conf.veth1.rp_filter", and the same key for `default`; empty for other keys. A
// link's name may hold dots, which sysctl(8) writes as '/'.
struct LinkKey {
  std::string link;
  std::string default_key;
};
LinkKey link_key(const std::string& key) {
  constexpr std::array<const char*, 4> kPrefixes = {"net.ipv4.conf.", "net.ipv6.conf.", "net.ipv4.neigh.",
                                                    "net.ipv6.neigh."};
  for (const std::string prefix : kPrefixes) {
    if (key.rfind(prefix, 0) != 0) continue;
    const auto end = key.find('.', prefix.size());
    if (end == std::string::npos) return {};
    std::string link = key.substr(prefix.size(), end - prefix.size());
    std::replace(link.begin(), link.end(), '/', '.');
    return {link, prefix + "default" + key.substr(end)};
  }
  return {};
}

// Values of a link's own that follow from the link, not from a setting.
bool follows_the_link(const std::string& key) {
  constexpr std::array<const char*, 2> kEndings = {".mtu", ".stable_secret"};
  return std::any_of(kEndings.begin(), kEndings.end(), [&](const std::string ending) {
    return key.size() > ending.size() && key.compare(key.size() - ending.size(), ending.size(), ending) == 0;
  });
}

Findings sysctls(const Comparison& here, const Declaration& declared) {
  Findings findings;
  const std::string place = place_text(here.name);
  for (const auto& entry : here.is->sysctls) {
    const std::string& key = entry.first;
    const std::string& value = entry.second;
    if (is_volatile_sysctl(key) || follows_the_link(key)) continue;
    const bool is_declared = std::any_of(
        declared.sysctls.begin(), declared.sysctls.end(),
        [&](const DeclaredSysctl& sysctl) { return sysctl.network_namespace == here.name && sysctl.key == key; });
    if (is_declared) continue;
    const auto was = here.was->sysctls.find(key);
    if (was != here.was->sysctls.end()) {
      if (was->second != value) {
        findings.push_back(fmt::format("sysctl {} in {} is {}, it was {}", key, place, visible(value, kLongestValue),
                                       visible(was->second, kLongestValue)));
      }
      continue;
    }
    // A link's own settings are copied from `default` when it is made.
    const LinkKey link = link_key(key);
    const auto usual = here.is->sysctls.find(link.default_key);
    if (link.link.empty() || usual == here.is->sysctls.end() || usual->second == value) continue;
    if (!declared.has_link(here.name, link.link)) continue;  // the link itself is the finding
    findings.push_back(fmt::format("sysctl {} in {} is {}; a new link has {} there", key, place,
                                   visible(value, kLongestValue), visible(usual->second, kLongestValue)));
  }
  return findings;
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

Findings sockets(const Comparison& here) {
  const auto texts = [](const NamespaceState& state) {
    std::vector<std::string> lines;
    for (const auto& socket : state.sockets)
      lines.push_back(fmt::format("{} {} port {}", socket.protocol, socket.address.to_string(), socket.port));
    return lines;
  };
  return same_set(texts(*here.was), texts(*here.is), place_text(here.name), "socket");
}

Findings in_namespace(Area area, const Comparison& here, const Declaration& declared) {
  switch (area) {
    case Area::kLinks:
      return links(here, declared);
    case Area::kAddresses:
      return addresses(here, declared);
    case Area::kRoutes:
      return routes(here, declared);
    case Area::kRules:
      return same_set(here.was->rules, here.is->rules, place_text(here.name), "routing rule");
    case Area::kNeighbours:
      return neighbours(here);
    case Area::kSysctls:
      return sysctls(here, declared);
    case Area::kPacketFilters:
      return same_set(here.was->nft_tables, here.is->nft_tables, place_text(here.name), "nftables table");
    case Area::kQdiscs:
      return qdiscs(here);
    case Area::kSockets:
      return sockets(here);
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

// Entries of /run/netns are a claim of their own.
bool is_namespace_file(const std::string& path) {
  return path == "/run/netns" || path.rfind("/run/netns/", 0) == 0 || path == "/var/run/netns" ||
         path.rfind("/var/run/netns/", 0) == 0;
}

// mount(8) keeps a private table there whenever it mounts something (libmount).
bool is_private_to_a_tool(const std::string& path) { return path == "/run/mount" || path.rfind("/run/mount/", 0) == 0; }

Findings files(const Snapshot& before, const Snapshot& after) {
  const std::set<std::string> was(before.files.begin(), before.files.end());
  Findings findings;
  for (const auto& file : after.files) {
    if (was.contains(file) || is_namespace_file(file) || is_private_to_a_tool(file)) continue;
    findings.push_back(fmt::format("{} was made or changed", visible(file, kLongestValue)));
  }
  return findings;
}

Findings processes(const Snapshot& before, const Snapshot& after) {
  Findings findings;
  for (const auto& process : after.processes) {
    const bool was = std::any_of(before.processes.begin(), before.processes.end(),
                                 [&](const ProcessState& other) { return other.pid == process.pid; });
    if (!was)
      findings.push_back(
          fmt::format("process {} still runs: {}", process.pid, visible(process.command, kLongestValue)));
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
      return "permanent neighbours";
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
    case Area::kProcesses:
      return "processes";
  }
  return "unknown area";
}

const std::vector<Area>& all_areas() {
  static const std::vector<Area> areas = {Area::kLinks,      Area::kAddresses,  Area::kRoutes,        Area::kRules,
                                          Area::kNeighbours, Area::kSysctls,    Area::kPacketFilters, Area::kQdiscs,
                                          Area::kSockets,    Area::kNamespaces, Area::kFiles,         Area::kProcesses};
  return areas;
}

bool is_volatile_sysctl(const std::string& key) {
  constexpr std::array<const char*, 4> kNames = {"net.netfilter.nf_conntrack_count", "net.ipv4.tcp_fastopen_key",
                                                 "net.core.netdev_rss_key", "net.ipv4.fib_sync_mem"};
  return std::any_of(kNames.begin(), kNames.end(), [&](const std::string name) { return key == name; });
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
      return files(before, after);
    case Area::kProcesses:
      return processes(before, after);
    default:
      break;
  }
  Findings findings = in_namespace(area, {"", was, is, false}, declared);
  for (const auto& name : declared.namespaces) {
    const NamespaceState* inside = after.find_namespace(name);
    // A namespace that is the node's own has been compared already; that it is so is a claim of its own.
    if (inside == nullptr || inside->inode == is->inode) continue;
    if (!after.pristine) throw std::invalid_argument("no pristine namespace to compare " + name + " with");
    for (auto& finding : in_namespace(area, {name, &*after.pristine, inside, true}, declared))
      findings.push_back(std::move(finding));
  }
  return findings;
}

std::vector<std::string> left_behind(const Snapshot& before, const Snapshot& after) {
  Findings findings;
  for (const Area area : all_areas()) {
    for (auto& finding : undeclared(area, before, after, Declaration{})) findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace netns_lab
