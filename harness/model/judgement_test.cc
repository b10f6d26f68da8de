#include "harness/model/judgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness/model/samples.h"

namespace netns_lab {
namespace {

CaseEnded ended(Verdict verdict, Level level = Level::kMust, int worker = 0) {
  CaseEnded one;
  one.worker = worker;
  one.verdict = verdict;
  one.level = level;
  one.requirements = {"single-namespace.host-route"};
  return one;
}
WorkerEnded worker_ended(ExitStatus status, int worker = 0) {
  WorkerEnded one;
  one.worker = worker;
  one.status = status;
  return one;
}
WorkerEnded well(int worker = 0) { return worker_ended(ExitStatus::kConformant, worker); }
RunEnded run_ended(ExitStatus status) {
  RunEnded one;
  one.status = status;
  return one;
}
RunResult result_of(const std::vector<RunEvent>& events) {
  RunResult result;
  for (const RunEvent& event : events) result.add(event);
  return result;
}

struct Order {
  const char* name;
  std::vector<ExitStatus> statuses;
  ExitStatus want;
};
class Worst : public ::testing::TestWithParam<Order> {};
TEST_P(Worst, IsTheOneToExitWith) { EXPECT_EQ(worst(GetParam().statuses), GetParam().want); }
INSTANTIATE_TEST_SUITE_P(
    Of, Worst,
    ::testing::Values(
        Order{"None", {}, ExitStatus::kConformant},
        Order{"InterruptedAndDeadline", {ExitStatus::kDeadline, ExitStatus::kInterrupted}, ExitStatus::kInterrupted},
        Order{"DeadlineAndBroken", {ExitStatus::kHarnessBroke, ExitStatus::kDeadline}, ExitStatus::kDeadline},
        Order{"BrokenAndLab", {ExitStatus::kLabMissing, ExitStatus::kHarnessBroke}, ExitStatus::kHarnessBroke},
        Order{"LabAndNotConformant", {ExitStatus::kNotConformant, ExitStatus::kLabMissing}, ExitStatus::kLabMissing},
        Order{"NotConformantAndNothing",
              {ExitStatus::kNothingRan, ExitStatus::kNotConformant},
              ExitStatus::kNotConformant},
        Order{"NothingAndConformant", {ExitStatus::kConformant, ExitStatus::kNothingRan}, ExitStatus::kNothingRan}),
    [](const ::testing::TestParamInfo<Order>& row) { return row.param.name; });

struct Run {
  const char* name;
  std::vector<RunEvent> events;
  ExitStatus want;
};
class JudgedRun : public ::testing::TestWithParam<Run> {};
TEST_P(JudgedRun, HasTheStatus) { EXPECT_EQ(judge(result_of(GetParam().events)), GetParam().want); }
INSTANTIATE_TEST_SUITE_P(
    Where, JudgedRun,
    ::testing::Values(
        Run{"NothingHappened", {}, ExitStatus::kNothingRan},
        Run{"NoCaseRan", {WorkerStarted{}, well()}, ExitStatus::kNothingRan},
        Run{"EverythingWasSkipped", {ended(Verdict::kSkip), well()}, ExitStatus::kNothingRan},
        Run{"AllPassed", {ended(Verdict::kPass), well()}, ExitStatus::kConformant},
        Run{"SomeWereSkipped", {ended(Verdict::kPass), ended(Verdict::kSkip), well()}, ExitStatus::kConformant},
        Run{"OneWorkerRanNothing", {ended(Verdict::kPass), well(), well(1)}, ExitStatus::kConformant},
        Run{"AMustFailed", {ended(Verdict::kPass), ended(Verdict::kFail), well()}, ExitStatus::kNotConformant},
        Run{"AShouldFailed", {ended(Verdict::kFail, Level::kShould), well()}, ExitStatus::kConformant},
        Run{"OnlyAKnownFailure", {ended(Verdict::kKnownFailure), well()}, ExitStatus::kConformant},
        Run{"AnErrorAndAFail", {ended(Verdict::kError), ended(Verdict::kFail), well()}, ExitStatus::kHarnessBroke},
        Run{"AnErrorBecauseTheLabWasLost",
            {ended(Verdict::kError), worker_ended(ExitStatus::kLabMissing)},
            ExitStatus::kLabMissing},
        Run{"AWorkerThatNeverEnded", {WorkerStarted{}, ended(Verdict::kPass)}, ExitStatus::kHarnessBroke},
        Run{"ACaseThatNeverEnded", {ended(Verdict::kPass), CaseStarted{}, well()}, ExitStatus::kHarnessBroke},
        Run{"OneWorkerFailedAndOneLostItsLab",
            {ended(Verdict::kFail), well(), ended(Verdict::kPass, Level::kMust, 1),
             worker_ended(ExitStatus::kLabMissing, 1)},
            ExitStatus::kLabMissing},
        Run{"Interrupted",
            {ended(Verdict::kFail), well(), run_ended(ExitStatus::kInterrupted)},
            ExitStatus::kInterrupted},
        Run{"DeadlinePassed", {ended(Verdict::kPass), worker_ended(ExitStatus::kDeadline)}, ExitStatus::kDeadline},
        Run{"TheSampleRun", samples::run(), ExitStatus::kNotConformant}),
    [](const ::testing::TestParamInfo<Run>& row) { return row.param.name; });

TEST(JudgedWorker, ThatRanNothingSaysSo) {
  WorkerResult worker;
  worker.ended = well();
  EXPECT_EQ(judge(worker), ExitStatus::kNothingRan);
}
TEST(CountsText, LeavesOutWhatIsZero) {
  EXPECT_EQ(to_string(Counts{}), "no case ran");
  EXPECT_EQ(
      to_string(Counts{.passed = 17, .failed = 1, .failed_lower = 1, .skipped = 2, .errors = 1, .known_failures = 2}),
      "17 passed, 1 failed, 1 failed below MUST, 1 error, 2 skipped, 2 known failures");
}
TEST(WithoutSkip, MakesASkipAFailThatSaysWhy) {
  CaseEnded skipped = ended(Verdict::kSkip);
  skipped.message = "no IPv6";
  const RunEvent event = without_skip(skipped);
  EXPECT_EQ(std::get<CaseEnded>(event).verdict, Verdict::kFail);
  EXPECT_EQ(std::get<CaseEnded>(event).message, "skipped, which --no-skip makes a failure: no IPv6");
}
TEST(WithoutSkip, LeavesTheRestAlone) {
  for (const RunEvent& event : samples::run()) EXPECT_EQ(without_skip(event), event);
}

TEST(ByRequirement, TheGravestOfItsCasesCounts) {
  WorkerResult worker;
  worker.started.catalogue = {samples::requirement()};
  worker.cases = {ended(Verdict::kPass), ended(Verdict::kSkip), ended(Verdict::kFail), ended(Verdict::kKnownFailure)};
  const std::vector<RequirementResult> results = by_requirement(worker);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].requirement, samples::requirement());
  EXPECT_EQ(results[0].verdict, Verdict::kFail);
  EXPECT_EQ(results[0].cases.size(), 4U);
}
TEST(ByRequirement, OneThatNoCaseJudgedHasNoVerdict) {
  WorkerResult worker;
  worker.started.catalogue = {samples::requirement()};
  EXPECT_EQ(by_requirement(worker).at(0).verdict, std::nullopt);
}
TEST(ByRequirement, AnIdBeyondTheCatalogueComesLast) {
  WorkerResult worker;
  worker.started.catalogue = {samples::requirement()};
  CaseEnded stray = ended(Verdict::kPass);
  stray.requirements = {"elsewhere"};
  worker.cases = {stray};
  const std::vector<RequirementResult> results = by_requirement(worker);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[1].requirement.id, "elsewhere");
}
TEST(RunResultTest, ACaseThatEndedIsNoLongerRunning) {
  const RunResult result = result_of(samples::run());
  EXPECT_THAT(result.workers.at(0).running, ::testing::IsEmpty());
  EXPECT_EQ(result.workers.at(0).cases.size(), 1U);
}

}  // namespace
}  // namespace netns_lab
