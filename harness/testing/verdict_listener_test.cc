#include "harness/testing/verdict_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/testing/worker_context.h"

namespace netns_lab {
namespace {

using ::testing::IsEmpty;
using ::testing::TestPartResult;

TEST(VerdictListener, KeepsTheFirstThatFailsWhileNoCaseRuns) {
  const Scenario scenario;
  WorkerSpec spec;
  spec.scenario = &scenario;
  const LabServices services;
  WorkerContext context(spec, services, [](const RunEvent&) {});
  VerdictListener listener(context);
  listener.OnTestPartResult(TestPartResult(TestPartResult::kSuccess, "x.cc", 1, "all is well"));
  listener.OnTestPartResult(TestPartResult(TestPartResult::kSkip, "x.cc", 2, "there is none here"));
  EXPECT_THAT(context.broke, IsEmpty());
  listener.OnTestPartResult(TestPartResult(TestPartResult::kFatalFailure, "x.cc", 3, "no memory"));
  listener.OnTestPartResult(TestPartResult(TestPartResult::kNonFatalFailure, "x.cc", 4, "nor anything else"));
  EXPECT_EQ(context.broke, "no memory");

  context.broke.clear();
  context.running = std::make_unique<CaseRecord>();
  listener.OnTestPartResult(TestPartResult(TestPartResult::kFatalFailure, "x.cc", 5, "a claim of the case's"));
  EXPECT_THAT(context.broke, IsEmpty());
}

}  // namespace
}  // namespace netns_lab
