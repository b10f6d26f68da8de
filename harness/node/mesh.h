// A full mesh of echoes between the namespaces of a node (model/mesh.h), in rounds of two lanes (mesh_plan.h).
//
// For its task in a round a lane opens a raw socket in every member of its groups, gives each a permanent neighbour
// entry for every member it asks or answers (a broadcast to a thousand ports costs milliseconds, and the neighbour
// tables' limit, from which permanent entries are exempt, is the whole machine's), has all ask all, and takes the
// entries away again. So neither descriptors nor entries grow with the number of members but with the size of a group.
// The kernel works off what a lane sends on the lane's own processor, and one lane is at its entries while the other
// asks.
#pragma once

#include <cstddef>
#include <string>

#include "harness/base/cancellation.h"
#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/model/mesh.h"

namespace netns_lab::node {

// The calling thread is in the node's own namespace; two threads more are at work until it returns. A member without
// its namespace or link is in the report. An entry that somebody made by hand is left alone: what it leads to is what
// the report tells. The spec may ask for a part of the rounds. Errors: kInvalid (a spec out of range), kCancelled,
// kTimeout, kSystem (no sockets, no memory); entries that were added are gone then, too.
Result<MeshReport> run_mesh(const std::string& namespace_directory, const MeshSpec& spec, Deadline deadline,
                            const Cancellation& cancellation, std::size_t group = kMeshGroup);

}  // namespace netns_lab::node
