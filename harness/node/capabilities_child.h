// Tries something in a child process, so that whatever it changes, or breaks, is gone afterwards.
#pragma once

#include <functional>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/error.h"

namespace netns_lab::node {

// `namespaces`: CLONE_NEW* for the child, which then is root of a user namespace of its own; 0: the child stays in
// ours. With CLONE_NEWPID the attempt is made by process 1 of the new one. Returns what `attempt` says; kLost when the
// child dies, kTimeout when it does not come back.
Result<std::string> try_in_child(int namespaces, const std::function<Result<std::string>()>& attempt,
                                 Deadline deadline);

}  // namespace netns_lab::node
