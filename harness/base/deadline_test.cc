#include "harness/base/deadline.h"

#include <gtest/gtest.h>

#include <limits>

namespace netns_lab {
namespace {

using namespace std::chrono_literals;

TEST(Deadline, NeverDoesNotPass) {
  const Deadline never = Deadline::never();
  EXPECT_FALSE(never.passed());
  EXPECT_TRUE(never.is_never());
  EXPECT_EQ(never.poll_timeout(), -1);
  EXPECT_EQ(never.left(), Deadline::Clock::duration::max());
}
TEST(Deadline, PassedAlreadyLeavesNothing) {
  const Deadline passed = Deadline::passed_already();
  EXPECT_TRUE(passed.passed());
  EXPECT_EQ(passed.poll_timeout(), 0);
  EXPECT_EQ(passed.left(), Deadline::Clock::duration::zero());
}
TEST(Deadline, AheadLeavesAtMostItsDuration) {
  const Deadline ahead = Deadline::after(1h);
  EXPECT_FALSE(ahead.passed());
  EXPECT_LE(ahead.left(), 1h);
  EXPECT_GT(ahead.left(), 59min);
}
TEST(Deadline, PollTimeoutIsRoundedUpSoThatPollDoesNotReturnBefore) {
  EXPECT_GE(Deadline::after(100us).poll_timeout() + 1, 1);
  const Deadline ahead = Deadline::after(10s);
  EXPECT_GE(std::chrono::milliseconds(ahead.poll_timeout()),
            std::chrono::floor<std::chrono::milliseconds>(ahead.left()));
}
TEST(Deadline, PollTimeoutFitsAnInt) {
  EXPECT_EQ(Deadline::after(24h * 365).poll_timeout(), std::numeric_limits<int>::max());
}
TEST(Deadline, SoonerIsTheOneThatPassesFirst) {
  const Deadline near = Deadline::after(1h);
  const Deadline far = Deadline::after(2h);
  EXPECT_EQ(near.sooner_of(far).at(), near.at());
  EXPECT_EQ(far.sooner_of(near).at(), near.at());
  EXPECT_EQ(near.sooner_of(Deadline::never()).at(), near.at());
}

}  // namespace
}  // namespace netns_lab
