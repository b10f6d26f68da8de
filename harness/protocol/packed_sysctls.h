// The sysctls of a snapshot as bytes behind its frame: some 600 a namespace, which as JSON cost more than all the rest
// of the answer (each key and value is built, escaped, scanned and built again).
//
//   for each of Snapshot::namespaces, then for `pristine` where there is one:  { KEY NUL VALUE NUL } NUL
#pragma once

#include <string>
#include <string_view>

#include "harness/base/error.h"
#include "harness/model/snapshot.h"

namespace netns_lab::protocol {

// Moves the sysctls out of `snapshot`. Keys are not empty; neither keys nor values hold a NUL (sysctl files are text;
// what a file has behind one is left out).
std::string take_sysctls(Snapshot& snapshot);

// Puts them back. No bytes at all: the snapshot keeps those it has. kInternal when the bytes do not fit its namespaces.
Result<void> put_sysctls(std::string_view bytes, Snapshot& snapshot);

}  // namespace netns_lab::protocol
