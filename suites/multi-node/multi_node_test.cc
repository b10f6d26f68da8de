// What must hold of part 3, in the order in which one claim rests on another (scenario.h draws the network,
// requirements.cc words the claims). What part 2 asks for is judged on each node by part 2's own judgements.
#include <fmt/format.h>

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
  std::vector<Passage> to_be_told;
  for (const Passage& each : to_containers()) {
    if (sender_mtu(each) > mtu_across()) {
      to_be_told.push_back(each);
    } else {
      EXPECT_THAT(ping(echo_of(each, full_payload_across() + 1, true)), RefusedLocally(EMSGSIZE, each.way));
    }
  }
  // TCP may have told them before, in whichever order the claims are judged.
  const std::vector<EchoReport> reports = pings_of(to_be_told, full_payload_across() + 1, true, 1);
  for (std::size_t i = 0; i < to_be_told.size(); ++i) {
    const Passage& each = to_be_told[i];
    EXPECT_THAT(reports.at(i),
                finds_nothing<EchoReport>(fmt::format("is told, or was before, that {} bytes pass", mtu_across()),
                                          [&](const EchoReport& r) { return too_big_findings(r, each, true); }))
        << to_string(each.way);
  }
}

NETNS_LAB_TRANSPORT_BETWEEN_NODES(MultiNode, "multi-node");

// ---- life ----

NETNS_LAB_LIFE_OF_TWO_NODES(MultiNode, "multi-node");

}  // namespace
}  // namespace netns_lab::multi_node
