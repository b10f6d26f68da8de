// GoogleTest's environment for a worker: opens the lab, has the target build the scenario once, and takes the one
// snapshot on which claims that change nothing are judged. It never skips and never fails by itself (GoogleTest would
// report nothing, FACTS): what went wrong is kept, and every case tells it.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <vector>

#include "harness/conformance/declaration.h"
#include "harness/testing/subject.h"
#include "harness/testing/worker_context.h"

namespace netns_lab {

class LabEnvironment : public ::testing::Environment {
 public:
  explicit LabEnvironment(WorkerContext& context);
  void SetUp() override;
  void TearDown() override;

  const std::optional<Error>& set_up_error() const { return set_up_error_; }
  Subject& subject() { return *subject_; }  // only without set_up_error
  const Declaration& declared() const { return declared_; }

  // One echo. Those announced by plan_echoes are sent together, the first time one of them is asked for.
  Result<EchoReport> ping(const EchoSpec& spec);
  void plan_echoes(std::vector<EchoSpec> specs) { planned_ = std::move(specs); }

  // A node for claims that change the network: in a sandbox lab a private sandbox of its own, elsewhere this one.
  // Nothing is built on it at first. It is shared by the cases that ask for it, in their order; one that leaves it
  // spoilt says so.
  Result<Subject*> fresh_subject();
  void spoil_fresh_subject();

 private:
  Result<void> set_up();
  Result<Subject> prepare(Lab lab);
  Result<void> tear_down();
  void start_fresh_lab();

  WorkerContext& context_;
  Declaration declared_;
  std::optional<Error> set_up_error_;
  std::optional<Subject> subject_;
  std::optional<AgentStreams> fresh_streams_;  // of a sandbox that is starting
  std::optional<Subject> fresh_;
  std::vector<EchoSpec> planned_;
  std::vector<EchoReport> reports_;
};

}  // namespace netns_lab
