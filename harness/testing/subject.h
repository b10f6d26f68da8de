// The network under test on one node: the node as it was, what the target did, the node as it is.
//
//   NETNS_LAB_ASSIGN(Subject subject, Subject::prepare(std::move(lab), plan));   // names claimed, baseline taken
//   NETNS_LAB_TRY(subject.build());                                             // the target builds; links have
//   settled subject.outcome(), subject.before(), subject.after() NETNS_LAB_TRY(subject.tear_down());
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/lab/lab.h"
#include "harness/model/scenario.h"
#include "harness/target/target.h"

namespace netns_lab {

struct SubjectPlan {
  Target* target = nullptr;
  BuildTask task;
  // What the tests themselves may add on this node, beside what the scenario declares.
  std::vector<std::string> more_namespaces;
  std::vector<std::string> more_links;
};

class Subject {
 public:
  // Claims the names and takes the baseline. Errors: those of Node; kTaken when a name is in use; kInvalid when an
  // address lies in a subnet of the node.
  static Result<Subject> prepare(Lab lab, SubjectPlan plan);

  Node& node() { return lab_.node(); }
  const protocol::HelloReply& hello() { return lab_.node().hello(); }
  const Snapshot& before() const { return before_; }
  const Snapshot& after() const { return after_; }  // taken once the links had settled
  const TargetOutcome& outcome() const { return outcome_; }
  bool is_built() const { return is_built_; }
  int builds() const { return builds_; }  // how often it was built

  // The target builds. What it does wrong is in outcome(); an error is the lab's.
  Result<void> build();
  // The target tears down, and the kernel is waited for: links and names that do not go are left to the snapshot to
  // tell.
  Result<TargetOutcome> tear_down();
  // The whole state now, as before() and after() were taken.
  Result<Snapshot> observe(bool with_pristine);

 private:
  Subject(Lab lab, SubjectPlan plan) : lab_(std::move(lab)), plan_(std::move(plan)) {}
  Result<void> settle();

  Lab lab_;
  SubjectPlan plan_;
  Snapshot before_;
  Snapshot after_;
  TargetOutcome outcome_;
  bool is_built_ = false;
  int builds_ = 0;
};

// The addresses a topology gives to containers; kInvalid when the node itself has one, or a subnet that holds one.
Result<void> check_addresses(const Topology& topology, const std::vector<Prefix>& uplink_addresses);

}  // namespace netns_lab
