// Is a network that was built again the one that was built first?
//
//   for (const std::string& finding : differences_of_builds(before, first, second, declared)) ...
//   -> "link veth1 on the node changed: mtu 1500, now mtu 1400"
#pragma once

#include <string>
#include <vector>

#include "harness/conformance/declaration.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

// One line per difference between what two builds made: the declared namespaces with everything in them, and on the
// node the declared links with what stands on them (addresses, routes, static neighbours, queueing disciplines). And
// what nobody declared on the node after the second build, compared with `before`, if the first build did not leave the
// same. Left out is what differs from build to build by nature (MAC addresses and what the kernel derives from them,
// indexes, the identity of namespaces), and sysctls, which take longer to read than all the rest: the first build is
// held to them.
std::vector<std::string> differences_of_builds(const Snapshot& before, const Snapshot& first, const Snapshot& second,
                                               const Declaration& declared);

// A copy without sysctls, which make the most of a snapshot.
Snapshot without_sysctls(const Snapshot& snapshot);

}  // namespace netns_lab
