// The sysctls of the closed world: what differs from before, and what a new link has that links are not born with.
#pragma once

#include <string>
#include <vector>

#include "harness/conformance/declaration.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

// Is this sysctl one whose value changes without anybody's doing (a counter, a key made when first used)?
bool is_volatile_sysctl(const std::string& key);

// The value that the kernel gives this sysctl along with one that is declared; "" when it gives it none.
std::string set_along(const std::string& network_namespace, const std::string& key, const Declaration& declared);

// One line per sysctl that nobody declared: one whose value is not that of `was`; one of a declared link, new since
// then, whose value is not the one new links have (that of `default`, of lo's neighbour tables, of the link's MTU).
std::vector<std::string> undeclared_sysctls(const std::string& network_namespace, const NamespaceState& was,
                                            const NamespaceState& is, const Declaration& declared);

}  // namespace netns_lab
