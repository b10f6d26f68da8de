#include "harness/node/mesh_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>

namespace netns_lab::node {
namespace {

using ::testing::ElementsAre;

class MeshPlan : public testing::TestWithParam<std::size_t> {};

TEST_P(MeshPlan, HasEveryTwoGroupsTogetherOnce) {
  const std::size_t groups = GetParam();
  std::map<std::pair<std::size_t, std::size_t>, int> together;
  for (const std::vector<MeshTask>& lane : plan_mesh(groups)) {
    for (const MeshTask& task : lane) {
      for (const std::size_t from : task.groups) {
        for (const std::size_t to : task.groups) {
          if (task.within || from != to) ++together[{from, to}];
        }
      }
    }
  }
  EXPECT_EQ(together.size(), groups * groups);
  for (const auto& [pair, times] : together) EXPECT_EQ(times, 1) << pair.first << " and " << pair.second;
}

TEST_P(MeshPlan, GivesBothLanesTheSameWork) {
  const auto lanes = plan_mesh(GetParam());
  EXPECT_LE(lanes[0].size() - lanes[1].size(), 1U);
}

TEST_P(MeshPlan, HasBothLanesAtDifferentGroupsMostly) {
  const std::size_t groups = GetParam();
  const auto lanes = plan_mesh(groups);
  std::size_t common = 0;
  for (std::size_t round = 0; round < lanes[1].size(); ++round) {
    for (const std::size_t group : lanes[0][round].groups) {
      common += static_cast<std::size_t>(std::ranges::count(lanes[1][round].groups, group));
    }
  }
  EXPECT_LE(common, 1 + groups / 4) << "of " << lanes[1].size() << " rounds";
}

INSTANTIATE_TEST_SUITE_P(Groups, MeshPlan, testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 64),
                         testing::PrintToStringParamName());

TEST(MeshPlanOfFour, IsTheOneDrawnInTheHeader) {
  const auto lanes = plan_mesh(4);
  EXPECT_THAT(lanes[0], ElementsAre(MeshTask{{0, 2}, false}, MeshTask{{0, 3}, false}, MeshTask{{0, 1}, true}));
  EXPECT_THAT(lanes[1], ElementsAre(MeshTask{{1, 3}, false}, MeshTask{{1, 2}, false}, MeshTask{{2, 3}, true}));
}

}  // namespace
}  // namespace netns_lab::node
