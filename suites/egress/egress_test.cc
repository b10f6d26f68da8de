// What must hold of egress, in the order in which one claim rests on another (scenario.h draws the network,
// requirements.cc words the claims).
#include "suites/bridge/settings_cases.h"
#include "suites/egress/fixture.h"

namespace netns_lab::egress {
namespace {

NETNS_LAB_SUITE(Egress, "egress");
NETNS_LAB_DECLARED(Egress, "egress");
NETNS_LAB_BRIDGE_SETTINGS(Egress, "egress");

// A claim about packets to the outside.
#define NETNS_LAB_OUTSIDE_CLAIM(name, id, ...)                \
  TEST_P(Egress, name) {                                      \
    REQUIREMENT(id);                                          \
    if (!subject().has_outside()) GTEST_SKIP() << kNoOutside; \
    __VA_ARGS__;                                              \
  }                                                           \
  static_assert(true, "a semicolon may follow")

// ---- translated ----

NETNS_LAB_CLAIM(Egress, TableOfTranslationIsThere, "egress.nat-table", expect_nat_table());
NETNS_LAB_OUTSIDE_CLAIM(ContainersKernelsChooseTheGateway, "egress.gateway-chosen", expect_gateway_chosen_out());
NETNS_LAB_OUTSIDE_CLAIM(EchoesHaveTheNodesSource, "egress.echoes-masqueraded",
                        expect_masqueraded(subject(), 0, kPayload, false));
NETNS_LAB_OUTSIDE_CLAIM(UdpHasTheNodesSource, "egress.udp-masqueraded", expect_masqueraded(Transport::kUdp));
NETNS_LAB_OUTSIDE_CLAIM(TcpHasTheNodesSource, "egress.tcp-masqueraded", expect_masqueraded(Transport::kTcp));
NETNS_LAB_OUTSIDE_CLAIM(AnswersComeToWhoAsked, "egress.answers-apart", expect_answers_apart());

// ---- left alone ----

NETNS_LAB_CLAIM(Egress, ContainersSeeEachOthersSource, "egress.containers-own-source", expect_containers_own_source());
NETNS_LAB_CLAIM(Egress, NodeSeesTheContainersSource, "egress.node-sees-own-source", expect_node_sees_own_source());
NETNS_LAB_OUTSIDE_CLAIM(NodesOwnPacketsAreUntouched, "egress.node-untouched", expect_node_untouched());

// ---- whole ----

NETNS_LAB_OUTSIDE_CLAIM(ErrorsComeBack, "egress.icmp-errors", expect_errors_come_back());
NETNS_LAB_OUTSIDE_CLAIM(EchoesOfTheFullMtuPass, "egress.full-mtu",
                        expect_masqueraded(subject(), 1, full_payload() - (mtu() - mtu_out()), true));

TEST_P(Egress, FragmentedEchoesPass) {
  REQUIREMENT("egress.fragmented");
  if (!subject().has_outside()) GTEST_SKIP() << kNoOutside;
  if (!some_are_over_mtu()) GTEST_SKIP() << "no IP packet is larger than an MTU of " << mtu();
  if (!v4() && mtu() != uplink_mtu()) {
    GTEST_SKIP() << "an IPv6 router fragments nothing (RFC 8200, 4.5), and the containers' MTU is " << mtu()
                 << ", the uplink's " << uplink_mtu();
  }
  // Larger than the uplink takes as well: what is tracked is put together on the node, and leaves it whole where it
  // fits.
  const std::uint32_t payload = std::min(2 * std::max(mtu(), uplink_mtu()), kMostPayload);
  expect_masqueraded(subject(), 2, payload, false, /*in_fragments=*/true);
}

// ---- life ----

TEST_P(Egress, TearDownLeavesNothing) {
  REQUIREMENT("egress.tear-down");
  judge_tear_down();
}

TEST_P(Egress, RebuildWorks) {
  REQUIREMENT("egress.rebuild");
  judge_rebuild([this](Subject& subject) {
    if (subject.has_outside()) {
      expect_masqueraded(subject, 3, kPayload, false);
    } else {
      expect_reached(subject, both_ways(0, 1), {});
    }
  });
}

}  // namespace
}  // namespace netns_lab::egress
