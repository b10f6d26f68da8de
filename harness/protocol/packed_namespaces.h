// The namespaces of a snapshot as bytes behind its frame (model/packed.h). Of a thousand containers they are 3 MB; as
// JSON they were 9 MB, and took a third of the time that the whole snapshot did.
//
//   a 32-bit count, and as many namespaces; then a byte, 1 where `pristine` follows, else 0
#pragma once

#include <string>
#include <string_view>

#include "harness/base/error.h"
#include "harness/model/snapshot.h"

namespace netns_lab::protocol {

// Moves Snapshot::namespaces and Snapshot::pristine out of `snapshot`.
std::string take_namespaces(Snapshot& snapshot);

// Puts them there. kInternal when the bytes are none of take_namespaces().
Result<void> put_namespaces(std::string_view bytes, Snapshot& snapshot);

}  // namespace netns_lab::protocol
