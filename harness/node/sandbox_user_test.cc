#include "harness/node/sandbox_user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab::node {
namespace {

struct Row {
  const char* name;
  const char* own;
  const char* want;
};
class IdentityMap : public ::testing::TestWithParam<Row> {};

TEST_P(IdentityMap, LeavesEveryIdAsItIs) { EXPECT_EQ(identity_map(GetParam().own), GetParam().want); }

INSTANTIATE_TEST_SUITE_P(Rows, IdentityMap,
                         ::testing::Values(Row{"WholeMachine", "         0          0 4294967295\n",
                                               "0 0 4294967295\n"},
                                           Row{"RootlessContainer", "0 1000 1\n1 100000 65536\n", "0 0 1\n1 1 65536\n"},
                                           Row{"Single", "1000 1000 1\n", "1000 1000 1\n"}, Row{"Nothing", "", ""},
                                           Row{"Garbage", "x y z\n", ""}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab::node
