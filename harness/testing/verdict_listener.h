// Turns what GoogleTest tells into run events with the five verdicts. Its own printer is off in a worker.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "harness/model/judgement.h"
#include "harness/testing/worker_context.h"

namespace netns_lab {

class VerdictListener : public ::testing::EmptyTestEventListener {
 public:
  explicit VerdictListener(WorkerContext& context) : context_(context) {}

  const Counts& counts() const { return counts_; }

  void OnTestIterationStart(const ::testing::UnitTest& unit_test, int iteration) override;
  void OnTestStart(const ::testing::TestInfo& info) override;
  void OnTestPartResult(const ::testing::TestPartResult& result) override;
  void OnTestEnd(const ::testing::TestInfo& info) override;

 private:
  WorkerContext& context_;
  Counts counts_;
  std::vector<CasePart> parts_;
  std::chrono::steady_clock::time_point started_;
};

// "Worker/SingleNamespace" -> "SingleNamespace", "HostReachesContainer/native_IPv4" -> "HostReachesContainer".
std::string plain_suite_name(const std::string& name);
std::string plain_case_name(const std::string& name);

}  // namespace netns_lab
