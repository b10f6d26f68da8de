#include "harness/base/build_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab {
namespace {

TEST(BuildId, IsTheHexOfTheLinkersNote) {
  EXPECT_THAT(build_id(), testing::MatchesRegex("[0-9a-f]{16,64}")) << "link with --build-id";
  EXPECT_EQ(build_id(), build_id());
}

}  // namespace
}  // namespace netns_lab
