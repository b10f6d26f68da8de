// The links of the closed world: what is there that nobody declared, what was changed, and what a declared one is set
// to that nobody asked for.
#pragma once

#include <string>
#include <vector>

#include "harness/conformance/declaration.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

// A namespace, and what its links are compared with.
struct LinksCompared {
  std::string network_namespace;  // "" the node
  const NamespaceState& was;
  const NamespaceState& is;
  bool is_new = false;                       // a declared namespace; `was` is a pristine one
  const NamespaceState* pristine = nullptr;  // whose new links declared ones are compared with; null: they are not
};

// Is it no entry of a bridge or a VXLAN link, but a MAC address that the link itself takes in beside its own (`bridge
// fdb add MAC dev LINK self`)? That is a setting of the link.
bool is_taken_in_by_link(const ForwardingEntry& entry, const NamespaceState& state);

// One line per finding.
std::vector<std::string> undeclared_links(const LinksCompared& here, const Declaration& declared);

}  // namespace netns_lab
