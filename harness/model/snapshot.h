// The whole observable state of a node at one moment.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/forwarding_entry.h"
#include "harness/model/interface_address.h"
#include "harness/model/link.h"
#include "harness/model/neighbour.h"
#include "harness/model/packet_filter.h"
#include "harness/model/route.h"

namespace netns_lab {

// A queueing discipline that is not the kernel's own default for its link (RTM_GETQDISC).
struct QueueDiscipline {
  std::string link;
  std::string kind;
  std::uint32_t handle = 0;
  std::uint32_t parent = 0;
  bool operator==(const QueueDiscipline&) const = default;
};

// A socket that listens (TCP) or is bound (UDP, raw) in a namespace (sock_diag).
struct BoundSocket {
  std::string protocol;  // "tcp", "udp", "raw", "packet"
  IpAddress address;
  std::uint16_t port = 0;
  bool operator==(const BoundSocket&) const = default;
};

// One of those that no scenario declares: "next hop", "IPv6 address label", "MPTCP endpoint", "MPTCP limits",
// "xfrm policy", "xfrm state", "IP set", "multicast route", "multicast group" (of a bridge).
struct FurtherObject {
  std::string kind;
  std::string name;     // which one of its kind: "id 5", "of 2001:db8::/32"
  std::string details;  // all else that is told of it: "via 192.0.2.1 dev eth0 proto 3"
  bool operator==(const FurtherObject&) const = default;
};

// A chain of nf_tables that packets meet by themselves (NFTA_CHAIN_HOOK, linux/netfilter/nf_tables.h).
struct FilterHook {
  std::string table;   // "inet extra"
  std::string chain;   // its name
  std::string hook;    // "prerouting", "input", "forward", "output", "postrouting", "ingress", "egress"
  unsigned rules = 0;  // in this chain; those it jumps to have their own
  bool drops = false;  // by its policy: what no rule takes
  bool operator==(const FilterHook&) const = default;
};
std::string to_string(const FilterHook& hook);  // "table inet extra, chain in (1 rule)"

// What one network namespace holds.
struct NamespaceState {
  std::string name;                         // "" for the node's own
  std::uint64_t inode = 0;                  // of the nsfs file: the namespace's identity
  std::vector<Link> links;                  // by index
  std::vector<InterfaceAddress> addresses;  // by link index, family, address
  std::vector<Route> routes;                // all tables, IPv4 then IPv6
  std::vector<RoutingRule> rules;
  std::vector<Neighbour> neighbours;
  std::vector<ForwardingEntry> forwarding;  // of the bridges
  std::vector<QueueDiscipline> qdiscs;
  std::vector<PacketFilter> nft_tables;  // by name; then the old interface's
  std::vector<BoundSocket> sockets;
  std::vector<FurtherObject> further;
  std::map<std::string, std::string> sysctls;  // "net.ipv4.ip_forward" -> "0"; what was asked for
  // What SnapshotOptions::counters asked for; never compared (model/diff.h).
  std::vector<FilterHook> filter_hooks;
  // Of the kernel's statistics: "Ip.InReceives", "TcpExt.IPReversePathFilter" (/proc/net/snmp, netstat),
  // "Ip6InReceives" (snmp6), "veth1.rx_dropped" (dev).
  std::map<std::string, std::uint64_t> counters;
  std::map<std::int32_t, std::uint64_t> netnsids;  // peer namespace id -> inode, as far as this node can name them

  // Of Snapshot::pristine: a link of each kind that the node has, made for comparison. Never compared themselves.
  std::vector<Link> new_links{};

  const Link* find_link(const std::string& link_name) const;
  const Link* find_link(std::uint32_t index) const;
  std::vector<InterfaceAddress> addresses_of(const std::string& link_name) const;
  bool operator==(const NamespaceState&) const = default;
};

// An entry of /run/netns.
struct NamespaceEntry {
  std::string name;
  bool is_nsfs_mount = false;  // a mount of nsfs, as `ip netns` makes; else a plain file left behind
  bool is_network = false;     // the mount is of a network namespace
  std::uint64_t inode = 0;     // 0 unless is_nsfs_mount
  unsigned mounts = 0;         // how many mounts are stacked on this name
  bool operator==(const NamespaceEntry&) const = default;
};

struct ProcessState {
  int pid = 0;          // in the node's PID namespace
  std::string command;  // argv joined by blanks, else the comm in brackets
  std::uint64_t network_namespace_inode = 0;
  bool operator==(const ProcessState&) const = default;
};

struct Snapshot {
  std::vector<NamespaceState> namespaces;  // the node's own first, then the named ones by name
  std::vector<NamespaceEntry> entries;     // of /run/netns
  std::vector<ProcessState> processes;     // without the agent's own
  bool processes_hidden = false;           // the node's /proc does not show them: `processes` says nothing
  // What was created, changed ("/etc/hosts (changed)", "/etc (mode 777, it was 755)") or deleted under /etc, /var,
  // /tmp, /home, /root, /run and /dev since the node was made.
  std::vector<std::string> files;
  std::vector<std::string> mounts;  // what was mounted, unmounted or changed since then: a sentence each
  std::string host_name;
  std::string domain_name;                 // of NIS; "(none)" where nobody set it
  std::optional<NamespaceState> pristine;  // a namespace made for comparison, when asked for

  const NamespaceState* find_namespace(const std::string& name) const;  // "" the node's own
  const NamespaceEntry* find_entry(const std::string& name) const;
  bool operator==(const Snapshot&) const = default;
};

// One line each; a NamespaceState or Snapshot one line per object.
std::ostream& operator<<(std::ostream& out, const QueueDiscipline& qdisc);
std::ostream& operator<<(std::ostream& out, const BoundSocket& socket);
std::ostream& operator<<(std::ostream& out, const FurtherObject& object);  // without its kind
std::ostream& operator<<(std::ostream& out, const NamespaceEntry& entry);
std::ostream& operator<<(std::ostream& out, const ProcessState& process);
std::ostream& operator<<(std::ostream& out, const NamespaceState& state);
std::ostream& operator<<(std::ostream& out, const Snapshot& snapshot);

struct SnapshotOptions {
  bool all_sysctls = false;          // all of net.* (3 ms a namespace); else those in `sysctls`
  std::vector<std::string> sysctls;  // "net.ipv4.ip_forward", …
  bool pristine = false;             // also what a fresh namespace looks like on this node
  bool processes = true;
  bool files = true;             // and mounts, host and domain name
  bool counters = false;         // the kernel's statistics, and at which hooks packets are filtered
  bool addressing_only = false;  // links, addresses, routes and neighbours: no rules, qdiscs, nft tables and sockets
  bool neighbours_only = false;  // neighbours, and the links that they are on
  // Only these namespaces ("" the node's own), those of them that are there; `entries` name all. Not with `pristine`.
  std::optional<std::vector<std::string>> only{};
  bool entries = true;  // and of what kind they are: 40 us each. False only with `only`
  bool operator==(const SnapshotOptions&) const = default;
};

}  // namespace netns_lab
