#include "harness/probe/starvation.h"

#include <gtest/gtest.h>

#include "harness/probe/echo_flow.h"

namespace netns_lab::probe {
namespace {

using namespace std::chrono_literals;
using Clock = Starvation::Clock;

constexpr Clock::time_point at(std::chrono::milliseconds after) { return Clock::time_point(1h + after); }

TEST(Starvation, WakingWhenOneAskedToIsNone) {
  Starvation starvation;
  starvation.slept(at(0ms), at(1'000ms), at(400ms));  // an event came
  starvation.slept(at(400ms), at(420ms), at(425ms));  // the scheduler's usual
  starvation.worked(at(425ms), at(430ms));
  EXPECT_EQ(starvation.total(), 0ms);
}

TEST(Starvation, WakingLaterIsWhatIsBeyond) {
  Starvation starvation;
  starvation.slept(at(0ms), at(20ms), at(1'520ms));
  EXPECT_EQ(starvation.total(), 1'500ms);
  EXPECT_EQ(starvation.within(at(0ms), at(1'000ms)), 980ms);
  EXPECT_EQ(starvation.within(at(2'000ms), at(3'000ms)), 0ms);
}

TEST(Starvation, WorkThatTakesLongIsOfThatKind) {
  Starvation starvation;
  starvation.worked(at(0ms), at(700ms));
  EXPECT_EQ(starvation.total(), 700ms);
}

TEST(Starvation, NoMomentIsCountedTwice) {
  Starvation starvation;
  starvation.slept(at(0ms), at(20ms), at(520ms));
  starvation.worked(at(100ms), at(620ms));
  EXPECT_EQ(starvation.total(), 600ms);
}

// What became of a reply that took that long.
struct Row {
  const char* name;
  std::chrono::milliseconds took;
  std::chrono::milliseconds starved_from;
  std::chrono::milliseconds starved_to;
  bool late;
  bool slow;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Reply : public ::testing::TestWithParam<Row> {};
TEST_P(Reply, IsLateOnlyBeyondWhatTheMachineTook) {
  const Row& row = GetParam();
  Echo echo;
  echo.reply = EchoReply{};
  echo.reply->round_trip = row.took;
  Starvation starvation;
  starvation.slept(at(row.starved_from), at(row.starved_from), at(row.starved_to));
  judge_lateness(echo, at(0ms), 1'000ms, starvation);
  EXPECT_EQ(echo.late, row.late);
  EXPECT_EQ(echo.slow, row.slow);
}
const Row kRows[] = {
    {"InTime", 900ms, 0ms, 0ms, false, false},
    {"LateOnAMachineThatRan", 1'500ms, 0ms, 0ms, true, false},
    {"SlowBecauseTheMachineStood", 1'500ms, 100ms, 1'400ms, false, true},
    {"LateAlthoughTheMachineStoodALittle", 1'500ms, 100ms, 200ms, true, false},
    {"LateThoughTheMachineStoodAfterwards", 1'500ms, 1'600ms, 9'000ms, true, false},
    {"InTimeThoughTheMachineStood", 900ms, 100ms, 800ms, false, false},
};
INSTANTIATE_TEST_SUITE_P(Rows, Reply, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace netns_lab::probe
