// What the kernel reports: links, addresses, routes, neighbours, and the snapshot that holds them; what a namespace
// holds as bytes too.
#include "harness/model/json.h"
#include "harness/model/json_support.h"
#include "harness/model/packed.h"
#include "harness/model/packed_support.h"

namespace netns_lab {

NETNS_LAB_JSON_OPEN_ENUM(OperState, OperState::kUnknown, OperState::kNotPresent, OperState::kDown,
                         OperState::kLowerLayerDown, OperState::kTesting, OperState::kDormant, OperState::kUp);
NETNS_LAB_JSON_PACKED(VxlanSettings, vni, port, local, remote, link_index, other);
NETNS_LAB_JSON_PACKED(Link, index, name, kind, mac, broadcast, mtu, flags, operstate, carrier, master, peer_index,
                      peer_netnsid, group, promiscuity, qdisc, alias, alternative_names, xdp_attached, settings,
                      switched_off, token, bridge, bridge_port, vxlan);

NETNS_LAB_JSON_OPEN_ENUM(Scope, Scope::kGlobal, Scope::kSite, Scope::kLink, Scope::kHost, Scope::kNowhere);
NETNS_LAB_JSON_PACKED(InterfaceAddress, link_index, link, prefix, peer, broadcast, scope, flags, valid_lifetime,
                      preferred_lifetime, label);

NETNS_LAB_JSON_OPEN_ENUM(RouteType, RouteType::kUnspecified, RouteType::kUnicast, RouteType::kLocal,
                         RouteType::kBroadcast, RouteType::kAnycast, RouteType::kMulticast, RouteType::kBlackhole,
                         RouteType::kUnreachable, RouteType::kProhibit, RouteType::kThrow);
NETNS_LAB_JSON_PACKED(NextHop, link_index, link, gateway, weight, flags);
NETNS_LAB_JSON_PACKED(Route, destination, source, type, table, protocol, scope, metric, tos, preferred_source, mtu,
                      other_metrics, flags, hops);
NETNS_LAB_JSON_PACKED(RoutingRule, family, priority, table, action, source, destination, input_link, output_link, mark,
                      mark_mask, protocol, other);
NETNS_LAB_JSON(RouteQuery, network_namespace, destination, source, input_link, mark);
NETNS_LAB_JSON(RouteAnswer, system_errno, kernel_text, type, output_link, output_link_index, gateway, preferred_source,
               table, mtu);

NETNS_LAB_JSON_PACKED(Neighbour, link_index, link, address, mac, state, flags);
NETNS_LAB_JSON_PACKED(ForwardingEntry, link_index, link, bridge, mac, vlan, state, flags, destination, otherwise);
NETNS_LAB_JSON_PACKED(QueueDiscipline, link, kind, handle, parent);
NETNS_LAB_JSON_PACKED(BoundSocket, protocol, address, port);
NETNS_LAB_JSON(FilterVerdict, network_namespace, table, chain, rule, position, verdict);
NETNS_LAB_JSON(PacketDrop, link, reason, times);
NETNS_LAB_JSON_PACKED(PortTranslation, protocol, first_port, last_port, address, port);
NETNS_LAB_JSON_PACKED(PacketField, of, offset, mask, first, last);
NETNS_LAB_JSON_PACKED(PacketMatch, negated, any);
NETNS_LAB_JSON_PACKED(PacketStep, asks, does, skip, mask, value);
NETNS_LAB_JSON_PACKED(PacketChain, hook, priority, steps);
NETNS_LAB_JSON_PACKED(PacketFilter, name, is_dormant, holds, rules, is_idle, contents, statements, translations,
                      conditions, parted, where, chains);
NETNS_LAB_JSON_PACKED(FurtherObject, kind, name, details);
NETNS_LAB_JSON_PACKED(FilterHook, table, chain, hook, rules, drops);
NETNS_LAB_JSON_PACKED(NamespaceState, name, inode, links, addresses, routes, rules, neighbours, forwarding, qdiscs,
                      nft_tables, sockets, further, sysctls, filter_hooks, counters, netnsids, new_links);
NETNS_LAB_JSON(NamespaceEntry, name, is_nsfs_mount, is_network, inode, mounts);
NETNS_LAB_JSON(ProcessState, pid, command, network_namespace_inode);
NETNS_LAB_JSON(Snapshot, namespaces, entries, processes, processes_hidden, files, mounts, host_name, domain_name,
               pristine);
NETNS_LAB_JSON(SnapshotOptions, all_sysctls, sysctls, pristine, processes, files, counters, addressing_only,
               neighbours_only, only, entries);

NETNS_LAB_JSON_ENUM(Finding::Kind, Finding::Kind::kAdded, Finding::Kind::kRemoved, Finding::Kind::kChanged);
NETNS_LAB_JSON(Finding, kind, network_namespace, object, subject, before, after);

void append_packed(const NamespaceState& state, std::string& bytes) { pack_fields(bytes, state); }

Result<NamespaceState> take_packed(std::string_view& bytes) {
  packed_support::Unpacker in(bytes);
  NamespaceState state;
  unpack_fields(in, state);
  if (in.failed()) {
    return tl::unexpected(
        Error::internal("read a namespace of a snapshot", "its bytes end too early, or are none of ours"));
  }
  bytes = in.rest();
  return state;
}

}  // namespace netns_lab
