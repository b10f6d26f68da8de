// What every target needs to know about the objects that a scenario declares.
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/target/target.h"

namespace netns_lab {

// Waits, briefly, until the declared links are operational: carrier and operstate come by a kernel worker, a moment
// after the last command. A link that does not come is no error here; the requirements judge it.
Result<void> let_links_settle(Node& node, const BuildTask& task);

// Deletes what of the declared namespaces, links and nft tables, and of the node's own declared routes, is there, puts
// the node's declared sysctls back, and says what: "namespace netns1, link veth1"; "nothing was there".
Result<std::string> delete_declared(Node& node, const Topology& topology);

}  // namespace netns_lab
