#include "harness/node/network_state.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <set>
#include <span>
#include <system_error>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "harness/netlink/address_label.h"
#include "harness/netlink/bound_socket.h"
#include "harness/netlink/bridge.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/ip_set.h"
#include "harness/netlink/link.h"
#include "harness/netlink/mptcp.h"
#include "harness/netlink/multicast_group.h"
#include "harness/netlink/multicast_route.h"
#include "harness/netlink/namespace_id.h"
#include "harness/netlink/neighbour.h"
#include "harness/netlink/next_hop.h"
#include "harness/netlink/nft_hooks.h"
#include "harness/netlink/nft_table.h"
#include "harness/netlink/offload.h"
#include "harness/netlink/qdisc.h"
#include "harness/netlink/route.h"
#include "harness/netlink/rule.h"
#include "harness/netlink/xfrm_policy.h"
#include "harness/netlink/xfrm_state.h"
#include "harness/node/common_sysctls.h"
#include "harness/node/counters.h"
#include "harness/node/legacy_tables.h"
#include "harness/node/namespace_sockets.h"
#include "harness/node/new_links.h"
#include "harness/node/sysctl.h"
#include "harness/node/sysctl_reader.h"

namespace netns_lab::node {
namespace {

using netlink::NetlinkSocket;

// What is the same for all namespaces of one look, and for all threads that read them.
struct Surroundings {
  const NetworkNamespace& own;
  const std::string& namespace_directory;
  const std::vector<std::string>& known;
  const SnapshotOptions& options;
  SysctlReader& sysctl_reader;
};

class LinkNames {
 public:
  explicit LinkNames(const std::vector<Link>& links) {
    for (const Link& link : links) names_.emplace(link.index, link.name);
  }
  std::string of(std::uint32_t index) const {
    const auto found = names_.find(index);
    return found == names_.end() ? std::string() : found->second;
  }

 private:
  std::unordered_map<std::uint32_t, std::string> names_;
};

template <typename T, typename Key>
void sort_by(std::vector<T>& values, Key key) {
  std::stable_sort(values.begin(), values.end(), [&](const T& a, const T& b) { return key(a) < key(b); });
}

bool has_forwarding(const NamespaceState& state) {
  return std::any_of(state.links.begin(), state.links.end(),
                     [](const Link& link) { return !link.bridge.empty() || link.kind == "bridge" || link.vxlan; });
}

// Has one of the links entries? Bridges and VXLAN links do; other links may take in further MAC addresses. A veth,
// which cannot filter, becomes promiscuous by that (__dev_set_rx_mode, net/core/dev_addr_lists.c): so of most
// namespaces nothing is asked.
bool may_have_forwarding(const NamespaceState& state) {
  return std::any_of(state.links.begin(), state.links.end(), [](const Link& link) {
    return link.promiscuity != 0 || (link.kind != "veth" && !link.is_loopback());
  });
}

// What the bridges and VXLAN links have learned, and what they were told; and what a device itself takes in beside its
// own address ("self"), unless a bridge had it do so (br_fdb_sync_static, net/bridge/br_fdb.c).
Result<void> read_forwarding(NetlinkSocket& socket, NamespaceState& state) {
  const auto is_vxlan = [&state](std::uint32_t index) {
    const Link* link = state.find_link(index);
    return link != nullptr && link->vxlan.has_value();
  };
  if (!may_have_forwarding(state)) return {};
  NETNS_LAB_ASSIGN(std::vector<netlink::ForwardingRow> rows, netlink::list_forwarding(socket));
  const LinkNames names(state.links);
  std::set<MacAddress> of_bridges;
  for (const netlink::ForwardingRow& row : rows) {
    if (row.master != 0) of_bridges.insert(row.entry.mac);
  }
  for (netlink::ForwardingRow& row : rows) {
    const bool is_filter = row.master == 0 && !is_vxlan(row.entry.link_index);
    if (is_filter && ((row.entry.mac.bytes()[0] & 1) != 0 || of_bridges.contains(row.entry.mac))) continue;
    row.entry.link = names.of(row.entry.link_index);
    row.entry.bridge = names.of(row.master);
    state.forwarding.push_back(std::move(row.entry));
  }
  return {};
}

Result<void> read_addressing(NetlinkSocket& socket, NamespaceState& state) {
  NETNS_LAB_ASSIGN(state.links, netlink::list_links(socket));
  NETNS_LAB_ASSIGN(state.addresses, netlink::list_addresses(socket));
  NETNS_LAB_ASSIGN(state.routes, netlink::list_routes(socket));
  NETNS_LAB_ASSIGN(state.neighbours, netlink::list_neighbours(socket));
  const LinkNames names(state.links);
  for (InterfaceAddress& address : state.addresses) address.link = names.of(address.link_index);
  for (Neighbour& neighbour : state.neighbours) neighbour.link = names.of(neighbour.link_index);
  for (Route& route : state.routes) {
    for (NextHop& hop : route.hops) hop.link = names.of(hop.link_index);
  }
  return read_forwarding(socket, state);
}

Result<void> read_neighbours(NetlinkSocket& socket, NamespaceState& state) {
  NETNS_LAB_ASSIGN(state.neighbours, netlink::list_neighbours(socket));
  std::map<std::uint32_t, std::string> names;
  for (Neighbour& neighbour : state.neighbours) {
    const auto [name, is_new] = names.try_emplace(neighbour.link_index);
    if (is_new && neighbour.link_index != 0) {
      auto link = netlink::get_link(socket, netlink::LinkRef::indexed(neighbour.link_index));
      if (!link && link.error().system_errno != ENODEV) return tl::unexpected(std::move(link).error());
      if (link) {
        name->second = link->name;
        state.links.push_back(*std::move(link));
      }
    }
    neighbour.link = name->second;
  }
  sort_by(state.links, [](const Link& link) { return link.index; });
  return {};
}

Result<void> read_policy(NetlinkSocket& socket, bool counters, NamespaceState& state) {
  NETNS_LAB_ASSIGN(state.rules, netlink::list_rules(socket));
  NETNS_LAB_ASSIGN(const std::vector<netlink::Qdisc> qdiscs, netlink::list_qdiscs(socket));
  const LinkNames names(state.links);
  for (const netlink::Qdisc& qdisc : qdiscs) {
    // The kernel gives no handle to those it attaches by itself (noqueue, fq_codel, mq and its children).
    if (qdisc.handle == 0) continue;
    if (counters) state.counters[names.of(qdisc.link_index) + ".queue_dropped"] += qdisc.drops;
    state.qdiscs.push_back({names.of(qdisc.link_index), qdisc.kind, qdisc.handle, qdisc.parent});
  }
  return {};
}

// With the link each is on, by its name: indexes differ from build to build.
template <typename Seen>
void add_further(const std::vector<Seen>& seen, const LinkNames& names, NamespaceState& state) {
  for (const Seen& each : seen) {
    state.further.push_back(each.object);
    if (each.link_index != 0) state.further.back().details += " dev " + names.of(each.link_index);
  }
}

Result<void> read_further(const Sockets& sockets, NamespaceState& state) {
  const LinkNames names(state.links);
  NETNS_LAB_ASSIGN(const auto hops, netlink::list_next_hops(*sockets.route));
  add_further(hops, names, state);
  NETNS_LAB_ASSIGN(std::vector<netlink::MulticastRoute> routes, netlink::list_multicast_routes(*sockets.route));
  for (netlink::MulticastRoute& route : routes) {
    if (route.link_index != 0) route.object.details += " in by " + names.of(route.link_index);
    for (const std::uint32_t link : route.to) route.object.details += " out of " + names.of(link);
    state.further.push_back(std::move(route.object));
  }
  if (has_forwarding(state)) {
    NETNS_LAB_ASSIGN(const auto groups, netlink::list_multicast_groups(*sockets.route));
    add_further(groups, names, state);
  }
  NETNS_LAB_ASSIGN(const auto labels, netlink::list_address_labels(*sockets.route));
  add_further(labels, names, state);
  if (sockets.generic == nullptr || !sockets.families->mptcp) return {};
  NETNS_LAB_ASSIGN(const auto objects, netlink::list_mptcp_objects(*sockets.generic, *sockets.families->mptcp));
  add_further(objects, names, state);
  return {};
}

Result<void> read_offloads(const Sockets& sockets, std::vector<Link>& links) {
  if (sockets.generic == nullptr || !sockets.families->ethtool) return {};
  const NetworkHandles::GenericFamilies& families = *sockets.families;
  NETNS_LAB_ASSIGN(netlink::SwitchedOff off,
                   netlink::list_switched_off(*sockets.generic, *families.ethtool, families.features));
  for (Link& link : links) {
    if (const auto found = off.find(link.index); found != off.end()) link.switched_off = std::move(found->second);
  }
  return {};
}

// The order model/snapshot.h promises; where it says nothing, one that does not depend on the order of creation.
void put_in_order(NamespaceState& state) {
  sort_by(state.addresses, [](const InterfaceAddress& a) { return std::make_tuple(a.link_index, a.prefix); });
  sort_by(state.routes, [](const Route& r) {
    return std::make_tuple(r.destination.address.family(), r.table, r.destination, r.metric, r.tos, r.type,
                           r.hops.empty() ? 0U : r.hops.front().link_index);
  });
  sort_by(state.rules, [](const RoutingRule& r) { return std::make_tuple(r.family, r.priority); });
  sort_by(state.neighbours, [](const Neighbour& n) { return std::make_tuple(n.link_index, n.address); });
  sort_by(state.forwarding, [](const ForwardingEntry& f) {
    return std::make_tuple(f.link_index, f.mac, f.vlan, f.destination ? f.destination->to_string() : std::string());
  });
  sort_by(state.qdiscs, [](const QueueDiscipline& q) { return std::tie(q.link, q.parent, q.handle); });
  sort_by(state.nft_tables, [](const PacketFilter& f) { return std::tie(f.name); });
  sort_by(state.sockets, [](const BoundSocket& s) { return std::tie(s.protocol, s.address, s.port); });
  sort_by(state.further, [](const FurtherObject& f) { return std::tie(f.kind, f.name, f.details); });
}

// Everything but sysctls and names of peers.
Result<NamespaceState> read_with(const Sockets& sockets, const SnapshotOptions& options) {
  NamespaceState state;
  if (options.neighbours_only) {
    NETNS_LAB_TRY(read_neighbours(*sockets.route, state));
    put_in_order(state);
    return state;
  }
  NETNS_LAB_TRY(read_addressing(*sockets.route, state));
  if (options.addressing_only) {
    put_in_order(state);
    return state;
  }
  NETNS_LAB_TRY(read_policy(*sockets.route, options.counters, state));
  if (sockets.netfilter != nullptr) {
    NETNS_LAB_ASSIGN(state.nft_tables, netlink::list_nft_tables(*sockets.netfilter));
  }
  if (sockets.has_ip_sets) {
    NETNS_LAB_ASSIGN(std::vector<FurtherObject> sets, netlink::list_ip_sets(*sockets.netfilter));
    for (FurtherObject& set : sets) state.further.push_back(std::move(set));
  }
  if (sockets.xfrm != nullptr) {
    NETNS_LAB_ASSIGN(std::vector<FurtherObject> policies, netlink::list_xfrm_policies(*sockets.xfrm));
    for (FurtherObject& policy : policies) state.further.push_back(std::move(policy));
    NETNS_LAB_ASSIGN(std::vector<FurtherObject> defaults, netlink::list_xfrm_defaults(*sockets.xfrm));
    for (FurtherObject& each : defaults) state.further.push_back(std::move(each));
    NETNS_LAB_ASSIGN(std::vector<FurtherObject> states, netlink::list_xfrm_states(*sockets.xfrm));
    for (FurtherObject& each : states) state.further.push_back(std::move(each));
  }
  if (sockets.diagnosis != nullptr) {
    NETNS_LAB_ASSIGN(state.sockets, netlink::list_bound_sockets(*sockets.diagnosis));
  }
  NETNS_LAB_TRY(read_further(sockets, state));
  NETNS_LAB_TRY(read_offloads(sockets, state.links));
  put_in_order(state);
  return state;
}

// Which namespaces the ids of the links' peers mean. The node's own is asked for first: mostly it is the one.
Result<void> name_peers(const Surroundings& around, NetlinkSocket& socket, NamespaceState& state) {
  std::set<std::int32_t> unnamed;
  for (const Link& link : state.links) {
    if (link.peer_netnsid) unnamed.insert(*link.peer_netnsid);
  }
  if (unnamed.empty()) return {};
  std::vector<std::string> candidates{""};
  candidates.insert(candidates.end(), around.known.begin(), around.known.end());
  for (const std::string& candidate : candidates) {
    if (unnamed.empty()) break;
    if (candidate == state.name) continue;
    // Not kept: there may be a thousand.
    std::optional<NetworkNamespace> named;
    if (!candidate.empty()) {
      auto opened = NetworkNamespace::open(around.namespace_directory, candidate);
      if (!opened) continue;  // gone meanwhile, or a leftover file
      named = *std::move(opened);
    }
    const NetworkNamespace& place = named ? *named : around.own;
    NETNS_LAB_ASSIGN(const std::optional<std::int32_t> id, netlink::find_namespace_id(socket, place.fd()));
    if (!id) continue;
    if (unnamed.erase(*id) != 0) state.netnsids.emplace(*id, place.inode());
  }
  return {};
}

Result<void> add_legacy_tables(const NetworkNamespace& network_namespace, NamespaceState& state) {
  return within(network_namespace, [&state]() -> Result<void> {
    for (const LegacyTable& table : legacy_tables()) state.nft_tables.push_back(packet_filter(table));
    return {};
  });
}

bool is_route_enough(const SnapshotOptions& options) {
  return (options.addressing_only || options.neighbours_only) && !options.counters;
}

Result<NamespaceState> read_without_common_sysctls(const Surroundings& around, const std::string& name,
                                                   const NetworkNamespace& network_namespace, const Sockets& sockets) {
  const SnapshotOptions& options = around.options;
  NETNS_LAB_ASSIGN(NamespaceState state, read_with(sockets, options));
  state.name = name;
  state.inode = network_namespace.inode();
  NETNS_LAB_TRY(name_peers(around, *sockets.route, state));
  if (!options.addressing_only && !options.neighbours_only) NETNS_LAB_TRY(add_legacy_tables(network_namespace, state));
  if (options.counters) {
    NETNS_LAB_ASSIGN(Counters counters, read_counters(network_namespace));
    state.counters.merge(counters);
    if (sockets.netfilter != nullptr) {
      NETNS_LAB_ASSIGN(state.filter_hooks, netlink::list_filter_hooks(*sockets.netfilter));
    }
  }
  if (options.all_sysctls) {
    NETNS_LAB_ASSIGN(state.sysctls, around.sysctl_reader.read_interfaces(network_namespace, *sockets.route));
  }
  return state;
}

Result<Surroundings> surroundings_of(NetworkHandles& handles, const std::vector<std::string>& known,
                                     const SnapshotOptions& options) {
  NETNS_LAB_ASSIGN(const NetworkNamespace* const own, handles.network_namespace(""));
  return Surroundings{*own, handles.namespace_directory(), known, options, handles.sysctl_reader()};
}

// Reads namespaces on as many threads as there are processors, the caller's one of them: most of it is the kernel's
// work, for one namespace as good as for any. A thread opens a namespace's sockets, reads, and closes them.
class StateReaders {
 public:
  // What is given must outlive this. `own_sockets` are the node's, which are kept: those of "" among `names`.
  StateReaders(const Surroundings& around, const Sockets& own_sockets, const std::vector<std::string>& names,
               const std::vector<const NetworkNamespace*>& namespaces)
      : around_(around),
        own_sockets_(own_sockets),
        names_(names),
        namespaces_(namespaces),
        results_(names.size(), tl::unexpected(Error::internal("read a namespace", "no thread has"))) {}

  std::vector<Result<NamespaceState>> read() {
    const std::size_t wanted = reading_threads(names_.size());
    std::vector<std::thread> helpers;
    try {
      while (helpers.size() + 1 < wanted) helpers.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // No thread to be had (EAGAIN): those that are there do it.
    }
    work();
    for (std::thread& helper : helpers) helper.join();
    return std::move(results_);
  }

 private:
  void work() noexcept {
    const netlink::ReceiveBuffer buffer = netlink::new_receive_buffer();
    for (std::size_t i = next_++; i < names_.size(); i = next_++) results_[i] = read_one(i, buffer);
  }

  Result<NamespaceState> read_one(std::size_t i, const netlink::ReceiveBuffer& buffer) {
    if (names_[i].empty()) return read_without_common_sysctls(around_, names_[i], *namespaces_[i], own_sockets_);
    NETNS_LAB_ASSIGN(const OpenSockets opened, OpenSockets::open(*namespaces_[i], own_sockets_, buffer));
    return read_without_common_sysctls(around_, names_[i], *namespaces_[i], opened.sockets());
  }

  const Surroundings& around_;
  const Sockets& own_sockets_;
  const std::vector<std::string>& names_;
  const std::vector<const NetworkNamespace*>& namespaces_;
  std::vector<Result<NamespaceState>> results_;
  std::atomic<std::size_t> next_{0};
};

// Those of `names` that are there, at most kNamespacesAtOnce of them.
Result<void> add_states(NetworkHandles& handles, std::span<const std::string> names, const Surroundings& around,
                        NetworkStates& states) {
  const NetworkHandles::Use use(handles);
  std::vector<std::string> present;
  std::vector<const NetworkNamespace*> namespaces;
  for (const std::string& name : names) {
    const auto opened = handles.network_namespace(name);
    if (!opened && (opened.error().kind == ErrorKind::kMissing || opened.error().kind == ErrorKind::kInvalid)) continue;
    if (!opened) return tl::unexpected(opened.error());
    present.push_back(name);
    namespaces.push_back(*opened);
  }
  NETNS_LAB_ASSIGN(const Sockets own_sockets, sockets_of(handles, "", is_route_enough(around.options)));
  CommonSysctls sysctls(handles.sysctl_reader(), namespaces, around.options);
  for (Result<NamespaceState>& read : StateReaders(around, own_sockets, present, namespaces).read()) {
    NETNS_LAB_ASSIGN(NamespaceState state, std::move(read));
    states.namespaces.push_back(std::move(state));
  }
  for (Result<Sysctls>& read : sysctls.finish()) {
    NETNS_LAB_ASSIGN(Sysctls common, std::move(read));
    states.common_sysctls.push_back(std::move(common));
  }
  return {};
}

}  // namespace

std::vector<NamespaceState> NetworkStates::take() && {
  for (std::size_t i = 0; i < namespaces.size(); ++i) namespaces[i].sysctls.merge(common_sysctls[i]);
  return std::move(namespaces);
}

Result<NamespaceState> read_network_state(NetworkHandles& handles, const std::string& network_namespace,
                                          const SnapshotOptions& options, const std::vector<std::string>& known) {
  const NetworkHandles::Use use(handles);
  NETNS_LAB_ASSIGN(const NetworkNamespace* const opened, handles.network_namespace(network_namespace));
  NETNS_LAB_ASSIGN(const Sockets sockets, sockets_of(handles, network_namespace, is_route_enough(options)));
  NETNS_LAB_ASSIGN(const Surroundings around, surroundings_of(handles, known, options));
  NETNS_LAB_ASSIGN(NamespaceState state, read_without_common_sysctls(around, network_namespace, *opened, sockets));
  NETNS_LAB_ASSIGN(Sysctls common, common_sysctls(handles.sysctl_reader(), *opened, options));
  state.sysctls.merge(common);
  return state;
}

Result<NetworkStates> read_network_states(NetworkHandles& handles, const std::vector<std::string>& names,
                                          const SnapshotOptions& options) {
  std::vector<std::string> wanted;
  if (!options.only || std::find(options.only->begin(), options.only->end(), "") != options.only->end())
    wanted.emplace_back();
  wanted.insert(wanted.end(), names.begin(), names.end());
  NETNS_LAB_ASSIGN(const Surroundings around, surroundings_of(handles, names, options));
  NetworkStates states;
  states.namespaces.reserve(wanted.size());
  const std::span<const std::string> all(wanted);
  for (std::size_t done = 0; done < all.size(); done += kNamespacesAtOnce) {
    const auto some = all.subspan(done, std::min(kNamespacesAtOnce, all.size() - done));
    NETNS_LAB_TRY(add_states(handles, some, around, states));
  }
  return states;
}

namespace {

// Made in a pristine namespace that has been read, so that nothing is left of them but what was seen.
Result<std::vector<Link>> read_new_links(const NetworkNamespace& pristine, const Sockets& sockets,
                                         const std::set<std::string>& kinds) {
  NETNS_LAB_ASSIGN(const UniqueFd kept, make_new_links(pristine, *sockets.route, kinds));
  NETNS_LAB_ASSIGN(std::vector<Link> links, netlink::list_links(*sockets.route));
  std::erase_if(links, [](const Link& link) { return !is_new_link(link); });
  NETNS_LAB_TRY(read_offloads(sockets, links));
  return links;
}

}  // namespace

Result<NamespaceState> read_pristine_state(NetworkHandles& handles, const SnapshotOptions& options,
                                           const NewNode& new_node) {
  NETNS_LAB_ASSIGN(NetworkNamespace fresh, NetworkNamespace::create());
  NETNS_LAB_ASSIGN(const Sockets own_sockets, sockets_of(handles, "", false));
  NETNS_LAB_ASSIGN(const OpenSockets opened, OpenSockets::open(fresh, own_sockets, netlink::new_receive_buffer()));
  const Sockets& sockets = opened.sockets();
  NETNS_LAB_ASSIGN(NamespaceState state, read_with(sockets, options));
  state.inode = fresh.inode();
  NETNS_LAB_ASSIGN(state.sysctls,
                   pristine_common_sysctls(handles.sysctl_reader(), fresh, options, new_node.own, new_node.compared));
  if (options.all_sysctls) {
    NETNS_LAB_ASSIGN(Sysctls of_interfaces, handles.sysctl_reader().read_interfaces(fresh, *sockets.route));
    state.sysctls.merge(of_interfaces);
  }
  if (new_node.links != nullptr) {
    NETNS_LAB_ASSIGN(state.new_links, new_node.links->of_kinds(new_node.kinds, [&](const std::set<std::string>& kinds) {
      return read_new_links(fresh, sockets, kinds);
    }));
  }
  handles.keep_a_while(std::move(fresh));
  return state;
}

}  // namespace netns_lab::node
