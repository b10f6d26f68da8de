// What becomes of a command whose keeper is stopped or killed: it is what the command finds as its parent.
#include <gtest/gtest.h>

#include <chrono>

#include "harness/process/running_command.h"
#include "harness/process/shell.h"

namespace netns_lab::process {
namespace {

using How = CommandEnd::How;

TEST(Keeper, ThatWasStoppedGoesOnAtTheDeadline) {
  Command command = shell("kill -STOP $PPID; sleep 1000");
  command.time_limit = std::chrono::milliseconds(100);
  const auto outcome = run_to_end(command);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->end.how, How::kTimedOut);
}

TEST(Keeper, ThatWasKilledLeavesNobodyWhoKnowsHowItWouldHaveEnded) {
  const auto outcome = run_to_end(shell("kill -KILL $PPID; sleep 1000"));
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->end.how, How::kUnwatched);
}

}  // namespace
}  // namespace netns_lab::process
