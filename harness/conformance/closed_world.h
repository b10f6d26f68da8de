// The closed world: what nobody declared is itself a finding.
//
//   const Declaration declared = declaration_of(topology);
//   for (const std::string& finding : undeclared(Area::kLinks, before, after, declared)) ...
//   -> "link veth9 on the node: nobody declared it (4: veth9 <BROADCAST,MULTICAST> ...)"
//
// The node, and others' namespaces on it, are compared with themselves before the build; a declared namespace with a
// pristine one (Snapshot::pristine of `after`). What is declared is left to the claims about it. What the kernel makes
// by itself is no finding (kernel_made.h), nor are dynamic neighbour entries and counters; what it made and somebody
// took away again is one.
#pragma once

#include <string>
#include <vector>

#include "harness/conformance/declaration.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

enum class Area {
  kLinks,       // and which MAC addresses they take in beside their own
  kAddresses,   // and IPv6 address labels, MPTCP endpoints and limits
  kRoutes,      // and next hops, and multicast routes
  kRules,       // of multicast routes, too
  kNeighbours,  // those made by hand: permanent, proxies, externally learned, without resolution
  kForwarding,  // entries of bridges made by hand: static, sticky, externally learned, or the node's own for a MAC that
                // is none of its links'
  kSysctls,
  kPacketFilters,  // and sets of ipset, policies and states of IPsec
  kQdiscs,
  kSockets,
  kNamespaces,
  kFiles,
  kMounts,
  kHostName,  // and the NIS domain's
  kProcesses,
};
std::string to_string(Area area);
const std::vector<Area>& all_areas();

// One line per finding, empty when there is none. Throws std::invalid_argument when a snapshot is empty (a claim about
// nothing) or a declared namespace is there and `after` has no pristine one to compare it with.
std::vector<std::string> undeclared(Area area, const Snapshot& before, const Snapshot& after,
                                    const Declaration& declared);

// After tear-down: everything that differs from before the build, in all areas, with nothing declared.
// Of a table of iptables (ip or ip6 filter, nat, mangle, raw, security) chains without effect may be left: iptables
// deletes rules, and has no command that deletes the rest.
std::vector<std::string> left_behind(const Snapshot& before, const Snapshot& after);

// The same, but for processes: while nothing is under test somebody may look around in a shell.
std::vector<std::string> changes_of_node(const Snapshot& before, const Snapshot& after);

}  // namespace netns_lab
