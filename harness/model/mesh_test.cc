#include "harness/model/mesh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace netns_lab {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

MeshSpec of(std::uint32_t members) {
  MeshSpec spec;
  for (std::uint32_t i = 0; i < members; ++i) spec.members.push_back({"c" + std::to_string(i), "eth0", IpAddress()});
  return spec;
}

MeshReport with(std::uint64_t missing, std::vector<MeshGap> gaps) {
  MeshReport report;
  report.pairs = 100;
  report.answered = 100 - missing;
  report.gaps = std::move(gaps);
  return report;
}

TEST(MeshGaps, AreNoneWhereAllAnswered) { EXPECT_THAT(describe_gaps(of(5), with(0, {}), 10), IsEmpty()); }

TEST(MeshGaps, OfSinglePairsAreNamed) {
  EXPECT_THAT(describe_gaps(of(5), with(2, {{1, 3, 3, MeshLoss::kNotArrived}, {4, 0, 0, MeshLoss::kTwice}}), 10),
              ElementsAre("c1 to c3: the request did not arrive", "c4 to c0: request or reply came more than once"));
}

TEST(MeshGaps, OfAWholeSenderAreOneLine) {
  EXPECT_THAT(describe_gaps(of(5), with(4, {{2, 0, 4, MeshLoss::kNotSent, 101}}), 10),
              ElementsAre("c2 to all 4 others: the request was not sent (ENETUNREACH)"));
}

TEST(MeshGaps, OfAnIsolatedMemberAreTwoLines) {
  std::vector<MeshGap> gaps;
  for (std::uint32_t from : {0U, 1U, 2U, 4U}) gaps.push_back({from, 3, 3, MeshLoss::kNotArrived});
  gaps.push_back({3, 0, 4, MeshLoss::kNotArrived});
  EXPECT_THAT(describe_gaps(of(5), with(8, gaps), 10), ElementsAre("c3 to all 4 others: the request did not arrive",
                                                                   "all 4 others to c3: the request did not arrive"));
}

TEST(MeshParts, AddUp) {
  MeshReport whole = with(3, {{0, 1, 2, MeshLoss::kNotArrived}, {4, 2, 2, MeshLoss::kTwice}});
  whole.rounds = 2;
  whole.lossy_rounds = 1;
  MeshReport next =
      with(3, {{0, 3, 3, MeshLoss::kNotArrived}, {1, 0, 0, MeshLoss::kNotArrived}, {1, 2, 2, MeshLoss::kNotArrived}});
  next.rounds = 1;
  next.is_complete = true;
  next.is_uncertain = true;
  add_part(whole, next);
  EXPECT_EQ(whole.pairs, 200U);
  EXPECT_EQ(whole.missing(), 6U);
  EXPECT_EQ(whole.rounds, 3U);
  EXPECT_EQ(whole.lossy_rounds, 1U);
  EXPECT_TRUE(whole.is_complete);
  EXPECT_TRUE(whole.is_uncertain);
  // What goes on where the other part ended, or behind the member itself, is one gap.
  EXPECT_THAT(whole.gaps, ElementsAre(MeshGap{0, 1, 3, MeshLoss::kNotArrived}, MeshGap{1, 0, 2, MeshLoss::kNotArrived},
                                      MeshGap{4, 2, 2, MeshLoss::kTwice}));
}

TEST(MeshDescriptors, AreTwoAMemberOfARound) {
  EXPECT_EQ(mesh_descriptors(10), 20U);
  EXPECT_EQ(mesh_descriptors(1'000), 8 * kMeshGroup);
}

TEST(MeshGaps, BeyondTheMostAreCounted) {
  // Three pairs of the gaps that were told, and five that were not even in the report.
  EXPECT_THAT(describe_gaps(of(9), with(8, {{0, 1, 3, MeshLoss::kNotArrived}}), 1),
              ElementsAre("c0 to c1: the request did not arrive", "and 7 more pairs"));
}

}  // namespace
}  // namespace netns_lab
