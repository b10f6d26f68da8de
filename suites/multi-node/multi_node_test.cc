// What must hold of part 3, in the order in which one claim rests on another (scenario.h draws the network,
// requirements.cc words the claims). What part 2 asks for is judged on each node by part 2's own judgements.
#include <cerrno>

#include "harness/testing/matchers.h"
#include "suites/bridge/standing_cases.h"
#include "suites/multi-node/across_cases.h"

namespace netns_lab::multi_node {
namespace {

NETNS_LAB_SUITE(MultiNode, "multi-node");

// ---- what stands, on each node as in part 2; nothing else; what works on one node alone ----

NETNS_LAB_BRIDGE_ON_EACH_NODE(MultiNode, "multi-node");

// ---- routing ----

NETNS_LAB_ROUTING_BETWEEN_NODES(MultiNode, "multi-node");

// ---- from node to node, proved at the receiver ----

NETNS_LAB_ECHOES_BETWEEN_NODES(MultiNode, "multi-node");

TEST_P(MultiNode, PacketsPassFromNodeToNodeOnTheSegment) {
  REQUIREMENT("multi-node.crosses-segment");
  for (const Passage& each : between_containers()) {
    const EchoAcross echo = echo_of(each, kPayload);
    const EchoReport seen = ping(echo);
    EXPECT_THAT(seen, finds_nothing<EchoReport>("passes from uplink to uplink, there and back",
                                                [&](const EchoReport& r) { return segment_findings(r, each); }))
        << to_string(each.way) << ways_of(each) << why(echo, seen, each.way);
  }
}

TEST_P(MultiNode, EchoesOverTheMtuAreRefusedBySender) {
  REQUIREMENT("multi-node.over-mtu-refused");
  for (const Passage& each : to_containers())
    EXPECT_THAT(ping(echo_of(each, full_payload() + 1, true)), RefusedLocally(EMSGSIZE, each.way));
}

NETNS_LAB_TRANSPORT_BETWEEN_NODES(MultiNode, "multi-node");

// ---- life ----

NETNS_LAB_LIFE_OF_TWO_NODES(MultiNode, "multi-node");

}  // namespace
}  // namespace netns_lab::multi_node
