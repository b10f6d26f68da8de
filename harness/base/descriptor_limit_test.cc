#include "harness/base/descriptor_limit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace netns_lab {
namespace {

class DescriptorLimit : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    ASSERT_GE(before_.rlim_max, 128U);
    const rlimit low{.rlim_cur = 64, .rlim_max = before_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  }
  void TearDown() override { ::setrlimit(RLIMIT_NOFILE, &before_); }
  rlimit before_{};
};

TEST_F(DescriptorLimit, IsTheSoftOne) { EXPECT_EQ(descriptor_limit(), 64U); }

TEST_F(DescriptorLimit, IsRaisedToWhatIsWantedAndNotFurther) {
  EXPECT_EQ(raise_descriptor_limit(100), 100U);
  EXPECT_EQ(descriptor_limit(), 100U);
}

TEST_F(DescriptorLimit, IsRaisedAsFarAsTheHardOneLets) {
  if (before_.rlim_max == RLIM_INFINITY) GTEST_SKIP() << "there is no hard limit here";
  EXPECT_EQ(raise_descriptor_limit(before_.rlim_max + 1), before_.rlim_max);
}

TEST_F(DescriptorLimit, IsNeverLowered) { EXPECT_EQ(raise_descriptor_limit(10), 64U); }

}  // namespace
}  // namespace netns_lab
