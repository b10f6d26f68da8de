// Exactness: a set is what was declared, no more and no less, and each member is as it should be.
#pragma once

#include <string>
#include <vector>

#include "harness/model/snapshot.h"

namespace netns_lab {

// What contradicts "`link` has exactly these addresses", all families together: prefix length, scope (link-local
// addresses: link, others: global), unlimited lifetimes, permanent, no flag but that (IPv6: IFA_F_NODAD may stand), no
// peer. Link-local addresses that the kernel made are left out.
std::vector<std::string> address_findings(const NamespaceState& state, const std::string& link,
                                          const std::vector<Prefix>& declared);

// What contradicts "exactly one route leads to this destination in this table, and it is the declared one".
std::vector<std::string> route_findings(const NamespaceState& state, const Route& declared);

}  // namespace netns_lab
