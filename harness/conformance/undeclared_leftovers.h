// The closed world outside of the network: what a target left of files, mounts, names of the host and processes. Lines
// as of closed_world.h.
#pragma once

#include <string>
#include <vector>

#include "harness/conformance/declaration.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

// Left out: entries of /run/netns, which are a claim of their own, and the private table of mount(8).
std::vector<std::string> undeclared_files(const Snapshot& before, const Snapshot& after);
std::vector<std::string> undeclared_mounts(const Snapshot& before, const Snapshot& after);
std::vector<std::string> changed_host_names(const Snapshot& before, const Snapshot& after);
std::vector<std::string> undeclared_processes(const Snapshot& before, const Snapshot& after,
                                              const Declaration& declared);

}  // namespace netns_lab
