#include "suites/common/reach_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab::suites {
namespace {

TEST(ReachTable, OfNothingProvesNothing) {
  const ReachTable table;
  EXPECT_FALSE(table.all_reached());
  EXPECT_THAT(table.text(), ::testing::HasSubstr("nothing is proved"));
}

TEST(ReachTable, IsReachedWhenNoPairHasAFinding) {
  ReachTable table;
  table.add("", "10.0.0.1", {});
  table.add("netns1", "10.0.0.1", {});
  EXPECT_TRUE(table.all_reached());
  EXPECT_EQ(table.size(), 2U);
}

TEST(ReachTable, ShowsEachPairInItsPlaceAndSaysWhyNot) {
  ReachTable table;
  table.add("", "10.0.0.1", {});
  table.add("", "10.0.0.22", {"3 of 3: no reply", "more"});
  table.add("netns1", "10.0.0.22", {});
  EXPECT_FALSE(table.all_reached());
  EXPECT_EQ(table.text(),
            "every pair shall reach; observed:\n"
            "  from \\ to  10.0.0.1  10.0.0.22\n"
            "  the node   yes       NO       \n"
            "  netns1     -         yes      \n"
            "  the node to 10.0.0.22: 3 of 3: no reply");
}

}  // namespace
}  // namespace netns_lab::suites
