#include "harness/probe/far_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/probe/prober.h"
#include "harness/probe/test_network.h"

namespace netns_lab::probe {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

// A probe that watches nothing itself: what arrives is the far watch's to tell.
EchoReport ping(std::uint32_t size, std::uint32_t count = 3) {
  Prober prober(test_socket);
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(TestPair::kFar);
  spec.payload_size = size;
  spec.count = count;
  spec.interval = std::chrono::microseconds(0);
  return prober.echo(std::vector{spec}).value().front();
}

FarProbe of(const EchoReport& report) {
  return {.identifier = report.identifier,
          .payload_seed = report.payload_seed,
          .payload_size = report.spec.payload_size,
          .count = report.spec.count};
}

// ARP is told, too, and how often the kernel asks is its own affair.
Result<FarSightings> packets(Result<FarSightings> seen) {
  if (seen) {
    std::erase_if(seen->sightings, [](const Sighting& sighting) { return sighting.kind == SightingKind::kArp; });
  }
  return seen;
}

std::size_t intact(const FarSightings& seen) {
  return static_cast<std::size_t>(std::count_if(seen.sightings.begin(), seen.sightings.end(),
                                                [](const Sighting& sighting) { return sighting.payload_intact; }));
}

TEST(FarWatch, TellsRequestsAndAnswersOfTheProbeThatIsAskedFor) {
  const TestPair pair;
  const auto watch = FarWatch::open(test_socket, {"far"}, 0);
  ASSERT_TRUE(watch) << watch.error();
  const EchoReport asked = ping(56);
  const EchoReport other = ping(56);
  const auto seen = packets((*watch)->take(std::vector{of(asked)}));
  ASSERT_TRUE(seen) << seen.error();
  EXPECT_EQ(seen->drops, 0U);
  ASSERT_THAT(seen->sightings, SizeIs(6));
  EXPECT_EQ(intact(*seen), 6U);
  for (const Sighting& sighting : seen->sightings) {
    EXPECT_EQ(sighting.identifier, asked.identifier);
    EXPECT_EQ(sighting.link, "right");
    EXPECT_EQ(sighting.network_namespace, "far");
  }
  // What was told, or asked about too late, is forgotten.
  EXPECT_THAT(packets((*watch)->take(std::vector{of(asked), of(other)}))->sightings, IsEmpty());
}

TEST(FarWatch, DoesNotTakeAnotherPayloadForIntact) {
  const TestPair pair;
  const auto watch = FarWatch::open(test_socket, {"far"}, 0);
  ASSERT_TRUE(watch) << watch.error();
  FarProbe probe = of(ping(56));
  probe.payload_seed ^= 1;
  const auto seen = packets((*watch)->take(std::vector{probe}));
  ASSERT_TRUE(seen) << seen.error();
  EXPECT_THAT(seen->sightings, SizeIs(6));
  EXPECT_EQ(intact(*seen), 0U);
}

TEST(FarWatch, PutsFragmentsTogether) {
  const TestPair pair;
  const auto watch = FarWatch::open(test_socket, {"far"}, 0);
  ASSERT_TRUE(watch) << watch.error();
  const auto seen = packets((*watch)->take(std::vector{of(ping(3'000))}));
  ASSERT_TRUE(seen) << seen.error();
  ASSERT_THAT(seen->sightings, SizeIs(6));
  EXPECT_EQ(intact(*seen), 6U);
  EXPECT_EQ(seen->sightings.front().fragments, 3U);
}

TEST(FarWatch, TellsWhatItsQueueCouldNotHold) {
  const TestPair pair;
  const auto watch = FarWatch::open(test_socket, {"far"}, 0);
  ASSERT_TRUE(watch) << watch.error();
  ASSERT_GT((*watch)->queue_bytes(), 0U);
  const std::uint32_t more = std::min((*watch)->queue_bytes() / 1'400 + 100, 60'000U);
  const EchoReport report = ping(1'400, more);
  const auto seen = packets((*watch)->take(std::vector{of(report)}));
  ASSERT_TRUE(seen) << seen.error();
  EXPECT_TRUE(seen->drops > 0 || seen->sightings.size() == 2 * more) << seen->sightings.size();
}

TEST(FarWatch, OfANamespaceThatIsNotThereSeesNothing) {
  const TestPair pair;
  const auto watch = FarWatch::open(test_socket, {"nowhere"}, 0);
  ASSERT_TRUE(watch) << watch.error();
  EXPECT_THAT(packets((*watch)->take(std::vector{of(ping(56))}))->sightings, IsEmpty());
}

}  // namespace
}  // namespace netns_lab::probe
