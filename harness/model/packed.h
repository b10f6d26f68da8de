// What namespaces hold, as bytes: for the stream between tester and agent, where JSON of a thousand containers takes a
// third of the time that a snapshot does.
//
// Fields in the order of their NETNS_LAB_JSON_PACKED lines (json_kernel.cc), without names or padding; numbers in the
// machine's own byte order; text, lists and maps after a 32-bit count. It has no version: both ends are one build,
// which their greeting makes sure of. As in JSON, text that is not UTF-8 has its broken bytes made visible.
#pragma once

#include <string>
#include <string_view>

#include "harness/base/error.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

void append_packed(const NamespaceState& state, std::string& bytes);
// Takes one from the front of `bytes`; kInternal, whatever they are, when there is none (`bytes` is then undefined).
Result<NamespaceState> take_packed(std::string_view& bytes);

}  // namespace netns_lab
