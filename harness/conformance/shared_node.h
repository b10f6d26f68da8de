// A machine that others use, too (lab host): its daemons and its people add links, routes, rules and filters while a
// network is judged. What lies in the declared namespaces, or on or by declared links, addresses, tables and names, is
// the target's. Whose the rest is nobody can tell: it is to be reported, and never a fail.
//
//   const Snapshot its = tied_to_target(before, after, declared);
//   EXPECT_THAT(its, NothingUndeclared(area, before, declared));
//   // and to be reported: what is undeclared in `after`, and not in `its`
#pragma once

#include "harness/conformance/declaration.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

// `now`, but that all which cannot be tied to the target is as it was before. What a device manager sets of new links
// (queue length, offloads, alias, other names, group) is as of a new link that nobody touched.
Snapshot tied_to_target(const Snapshot& before, Snapshot now, const Declaration& declared);

}  // namespace netns_lab
