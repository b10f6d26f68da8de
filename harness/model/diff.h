// What changed between two snapshots, object by object, in words.
//
//   for (const Finding& finding : diff(before, after)) std::cout << finding << '\n';
//     new address in netns1: 10.200.1.1/32 dev veth2 scope global permanent
//     link veth1 on the node changed: mtu 1500, now mtu 1400
//     route gone from the node: 10.200.1.1 dev veth1 proto boot scope link
//
// Links are told apart by name, forwarding entries by port, MAC and VLAN, addresses by link and prefix, routes by
// destination, table, metric and TOS, neighbours by link and address, processes by process id. What the kernel numbers
// by itself (link indexes, namespace ids) is never compared: a veth's peer is compared by its name and namespace.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "harness/model/snapshot.h"

namespace netns_lab {

struct Finding {
  enum class Kind : std::uint8_t { kAdded, kRemoved, kChanged };
  Kind kind = Kind::kAdded;
  std::string network_namespace;  // where; "" the node's own
  std::string object;   // "link", "address", "route", "rule", "neighbour", "forwarding entry", "qdisc", "nft table",
                        // "socket", that of a FurtherObject, "sysctl", "namespace", "file", "process"
  std::string subject;  // which one: "veth1", "10.200.1.1/32 on veth2", "default"
  std::string before;   // the whole object, or of a change what was different; "" of an added one
  std::string after;    // "" of a removed one
  bool operator==(const Finding&) const = default;
};
std::string to_string(Finding::Kind kind);      // "added", "removed", "changed"
std::string to_string(const Finding& finding);  // one line, as above
std::ostream& operator<<(std::ostream& out, const Finding& finding);
std::string to_lines(const std::vector<Finding>& findings);  // one a line; "nothing changed" of none

// What is compared besides what always is. The defaults fit "is everything as it was?".
struct DiffOptions {
  bool dynamic_neighbours =
      false;  // entries the kernel learns and forgets by itself (neither permanent nor proxy nor externally learned)
  bool counting_lifetimes = false;            // the seconds left of addresses that expire
  bool tentative = false;                     // whether duplicate address detection is under way
  bool kernel_routes = true;                  // routes the kernel makes for an address or a link (protocol kernel)
  bool namespace_identity = true;             // a named namespace was replaced by another of the same name
  bool sysctls_of_one_side = false;           // keys that only one of the snapshots holds
  bool contents_of_whole_namespaces = false;  // of a namespace that is new or gone: also each object in it
  bool operator==(const DiffOptions&) const = default;
};

// In the order: /run/netns and namespaces, then each namespace's objects, processes, files, mounts, names of
// the host.
std::vector<Finding> diff(const Snapshot& before, const Snapshot& after, const DiffOptions& options = {});
// Of two states of one namespace, or of a namespace and a pristine one. Findings name `after`'s namespace. Peers of
// links are compared by index.
std::vector<Finding> diff(const NamespaceState& before, const NamespaceState& after, const DiffOptions& options = {});

}  // namespace netns_lab
