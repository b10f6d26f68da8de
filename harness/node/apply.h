// Does a list of changes to a node's networks, in order and in as few messages as possible.
//
// Consecutive changes to one namespace travel in one datagram. The first change that fails is named in the error, with
// errno and the kernel's words; the changes behind it in the same datagram may have been done (the kernel goes on),
// later ones are not.
#pragma once

#include <vector>

#include "harness/base/error.h"
#include "harness/model/change.h"
#include "harness/model/route.h"
#include "harness/node/network_handles.h"

namespace netns_lab::node {

Result<void> apply_changes(NetworkHandles& handles, const std::vector<Change>& changes);

// One answer per query, in order; what the kernel refuses is an answer, a namespace or link that does not exist too
// (ENOENT, ENODEV).
Result<std::vector<RouteAnswer>> look_up_routes(NetworkHandles& handles, const std::vector<RouteQuery>& queries);

}  // namespace netns_lab::node
