// What the first process of a sandbox's node does before its agent serves.
#pragma once

#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/netns/netns.h"
#include "harness/node/agent.h"
#include "harness/node/sandbox.h"
#include "harness/node/sandbox_uplink.h"

namespace netns_lab::node {

// The node and its outside are set up at the same time, by two processes; the outside tells the node when its network
// namespace stands.
struct Rendezvous {
  UniqueFd node;
  UniqueFd outside;
  static Result<Rendezvous> create();
};

// In process 1 of a new PID namespace: makes the other namespaces, wires the uplink, isolates the file systems.
Result<AgentContext> set_up_node(const NodePlace& place, const std::string& host_name, bool commands,
                                 const std::string& kept, const UniqueFd& outside, Deadline deadline);
// The outside in two steps: its network namespace, which the node needs at once; and what an agent needs, which costs
// milliseconds and is made only for a lab whose outside is spoken to. `nodes`: the outside's end to each of those here;
// `share.of` is how many the lab has in all.
Result<void> open_outside(const std::vector<const UniqueFd*>& nodes, const SandboxShare& share);
Result<AgentContext> furnish_outside(int nodes);

// The outside's end of SandboxShare::joiner is served so: its network namespace, and the answer once all is done there.
Result<NetworkNamespace> receive_namespace(int from);
Result<void> say_joined(int to);

}  // namespace netns_lab::node
