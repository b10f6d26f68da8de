// What must hold of part 2 at scale, in the order in which one claim rests on another (scenario.h draws the network,
// requirements.cc words the claims).
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "harness/base/number_text.h"
#include "harness/testing/matchers.h"
#include "suites/bridge-scale/fixture.h"
#include "suites/bridge/settings.h"

namespace netns_lab::bridge_scale {
namespace {

using ::testing::Ne;

#define EXPECT_NONE(findings) EXPECT_TRUE((findings).none()) << "\n" << (findings).text()

NETNS_LAB_SUITE(BridgeScale, "bridge-scale");

// ---- what stands ----

TEST_P(BridgeScale, TargetReportsSuccess) {
  REQUIREMENT("bridge-scale.build");
  const TargetOutcome& outcome = build_outcome();
  EXPECT_TRUE(outcome.succeeded) << outcome.failure << "\n" << outcome.output;
}

TEST_P(BridgeScale, NamespacesStand) {
  REQUIREMENT("bridge-scale.namespaces");
  EXPECT_NONE(census().namespaces());
}

TEST_P(BridgeScale, BridgeStands) {
  REQUIREMENT("bridge-scale.bridge");
  const NamespaceState& own = *state("");
  ASSERT_THAT(own, HasLink(kBridge, OfKind("bridge")));
  EXPECT_THAT(own, HasLink(kBridge, UpWithCarrier(OperState::kUp)));
  EXPECT_THAT(bridge::setting_findings(own.find_link(kBridge)->bridge, bridge::bridge_defaults()),
              ::testing::IsEmpty());
  EXPECT_THAT(own, HasExactlyAddresses(kBridge, declared_addresses("", kBridge)));
}

TEST_P(BridgeScale, LinksStand) {
  REQUIREMENT("bridge-scale.links");
  EXPECT_NONE(census().links());
}

TEST_P(BridgeScale, LinksAreUp) {
  REQUIREMENT("bridge-scale.links-up");
  EXPECT_NONE(census().links_up());
}

TEST_P(BridgeScale, MacAddressesDiffer) {
  REQUIREMENT("bridge-scale.macs");
  EXPECT_NONE(census().macs());
}

TEST_P(BridgeScale, AddressesAreTheDeclared) {
  REQUIREMENT("bridge-scale.addresses");
  EXPECT_NONE(census().addresses());
}

TEST_P(BridgeScale, RoutesAreTheDeclared) {
  REQUIREMENT("bridge-scale.routes");
  const Prefix of_bridge{bridge_address(), prefix_length(family())};
  EXPECT_THAT(*state(""), HasExactlyRoute(connected_route(of_bridge, kBridge)));
  EXPECT_NONE(census().routes());
}

// ---- nothing else ----

#define NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(name, id, area) \
  TEST_P(BridgeScale, name) {                                 \
    REQUIREMENT("bridge-scale." id);                          \
    judge_undeclared(Area::area);                             \
    EXPECT_NONE(census().undeclared(Area::area));             \
  }                                                           \
  static_assert(true, "a semicolon may follow")

NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoOtherLinks, "no-other-links", kLinks);
NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoOtherAddresses, "no-other-addresses", kAddresses);
NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoOtherRoutes, "no-other-routes", kRoutes);
NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoOtherRules, "no-other-rules", kRules);
NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoOtherNeighbours, "no-other-neighbours", kNeighbours);
NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoChangedSysctls, "no-other-sysctls", kSysctls);
NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoPacketFilters, "no-other-packet-filters", kPacketFilters);
NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoQueueingDisciplines, "no-other-qdiscs", kQdiscs);
NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoOtherSockets, "no-other-sockets", kSockets);
NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoOtherNamespaces, "no-other-namespaces", kNamespaces);
NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoFilesLeft, "no-other-files", kFiles);
NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoOtherMounts, "no-other-mounts", kMounts);
NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoOtherHostName, "no-other-host-name", kHostName);

TEST_P(BridgeScale, NoProcessesLeft) {
  REQUIREMENT("bridge-scale.no-other-processes");
  EXPECT_FALSE(build_outcome().processes_left) << "killed by the harness: " << build_outcome().failure;
  if (after().processes_hidden && !HasFailure()) GTEST_SKIP() << "this node's /proc does not show its processes";
  judge_undeclared(Area::kProcesses);
}

NETNS_LAB_NOTHING_UNDECLARED_AT_SCALE(NoForwardingEntriesMadeByHand, "no-other-forwarding", kForwarding);

// ---- reachability ----

TEST_P(BridgeScale, ContainersAndNodeResolveEachOther) {
  REQUIREMENT("bridge-scale.neighbour-resolution");
  constexpr std::size_t kAtOnce = 200;
  Findings findings;
  for (std::size_t begin = 0; begin < containers(); begin += kAtOnce) {
    judge_resolution(begin, std::min(containers(), begin + kAtOnce), findings);
    show_progress(fmt::format("neighbours: {} of {} containers", grouped(std::min(containers(), begin + kAtOnce)),
                              grouped(containers())));
  }
  EXPECT_NONE(findings);
}

TEST_P(BridgeScale, SampledPairsResolveAndReachEachOther) {
  REQUIREMENT("bridge-scale.sampled-pairs");
  for (const auto& pair : sampled_pairs()) {
    const std::size_t from = pair.first;
    const std::size_t to = pair.second;
    const Attachment& sender = container(from);
    const Attachment& receiver = container(to);
    SnapshotOptions options;
    options.processes = false;
    options.files = false;
    options.entries = false;
    options.addressing_only = true;
    options.only = {sender.network_namespace, receiver.network_namespace};
    const Snapshot now = value(node().snapshot(options));
    const NamespaceState* const near = now.find_namespace(sender.network_namespace);
    const NamespaceState* const far = now.find_namespace(receiver.network_namespace);
    ASSERT_THAT(near, Ne(nullptr)) << sender.network_namespace;
    ASSERT_THAT(far, Ne(nullptr)) << receiver.network_namespace;
    const Link* const near_link = near->find_link(sender.container_link);
    const Link* const far_link = far->find_link(receiver.container_link);
    ASSERT_THAT(near_link, Ne(nullptr)) << sender.network_namespace;
    ASSERT_THAT(far_link, Ne(nullptr)) << receiver.network_namespace;
    forget_pair(from, to);
    const Way way{sender.network_namespace, sender.container_link, receiver.network_namespace, receiver.container_link};
    EchoSpec spec = suites::echoes(sender.network_namespace, address(to), kPayload, false,
                                   {sender.network_namespace, receiver.network_namespace});
    spec.count = 1;
    const auto answered = EveryEchoAnswered(From(address(to)), SentFrom(address(from)), Crossing(way),
                                            ArrivingWithTtl(64), PayloadIntact());
    const auto resolved = ResolvedBetween(way, near_link->mac, far_link->mac);
    std::optional<EchoReport> report;
    beside_drops([&](int) {
      if (!is_patient()) spec.reply_wait = kImpatience;
      report = ping_on(subject(), spec);
      note_answer(*report);
      const bool is_right = ::testing::Value(*report, answered) && ::testing::Value(*report, resolved);
      // Should it be done again: as before.
      if (!is_right) forget_pair(from, to);
      return is_right;
    });
    EXPECT_THAT(*report, answered);
    EXPECT_THAT(*report, resolved);
  }
  no_more_probes(subject());
}

TEST_P(BridgeScale, EveryContainerReachesEveryOther) {
  REQUIREMENT("bridge-scale.mesh");
  const MeshSpec spec = mesh_spec();
  const std::uint64_t pairs = containers() * (containers() - 1);
  const MeshReport report = value(node().mesh(spec, [&](const MeshReport& part) {
    show_progress(fmt::format("mesh: {} of {} pairs", grouped(part.pairs), grouped(pairs)));
  }));
  std::ostringstream text;
  text << report;
  attach([told = text.str()] { return told; });
  if (report.repeated > 0) {
    tell(fmt::format(
        "mesh: {} rounds were repeated more slowly, because the machine dropped {} packets from its backlogs "
        "and {} from the queues of our sockets",
        report.repeated, report.backlog_drops, report.queue_drops));
  }
  ASSERT_EQ(report.pairs, pairs);
  if (report.missing() > 0 && report.is_uncertain) {
    lab_failed(Error::internal("prove that every container reaches every other",
                               "the machine dropped packets, also when they were sent more slowly: " + text.str()));
  }
  std::string gaps;
  for (const std::string& line : describe_gaps(spec, report, 20)) gaps += "  - " + line + "\n";
  EXPECT_EQ(report.missing(), 0U) << text.str() << "\n" << gaps;
}

// ---- life: it changes the network, so it comes last ----

TEST_P(BridgeScale, TearDownLeavesNothing) {
  REQUIREMENT("bridge-scale.tear-down");
  no_more_probes(subject());
  value(subject().tear_down());
  expect_torn_down(subject());
}

}  // namespace
}  // namespace netns_lab::bridge_scale
