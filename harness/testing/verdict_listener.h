// Turns what GoogleTest tells into run events with the five verdicts. Its own printer is off in a worker.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "harness/testing/worker_context.h"

namespace netns_lab {

struct VerdictCounts {
  int passed = 0;
  int failed = 0;  // all levels
  int failed_must = 0;
  int skipped = 0;
  int errors = 0;
  int known_failures = 0;
  int all() const { return passed + failed + skipped + errors + known_failures; }
};

class VerdictListener : public ::testing::EmptyTestEventListener {
 public:
  explicit VerdictListener(WorkerContext& context) : context_(context) {}

  const VerdictCounts& counts() const { return counts_; }

  void OnTestIterationStart(const ::testing::UnitTest& unit_test, int iteration) override;
  void OnTestStart(const ::testing::TestInfo& info) override;
  void OnTestPartResult(const ::testing::TestPartResult& result) override;
  void OnTestEnd(const ::testing::TestInfo& info) override;

 private:
  void count(Verdict verdict, Level level);

  WorkerContext& context_;
  VerdictCounts counts_;
  int iteration_ = 0;
  std::vector<CasePart> parts_;
  std::chrono::steady_clock::time_point started_;
};

// "Worker/SingleNamespace" -> "SingleNamespace", "HostReachesContainer/native_IPv4" -> "HostReachesContainer".
std::string plain_suite_name(const std::string& name);
std::string plain_case_name(const std::string& name);

}  // namespace netns_lab
