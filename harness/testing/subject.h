// The network under test on one node: the node as it was, what the target did, the node as it is.
//
//   NETNS_LAB_ASSIGN(Subject subject, Subject::prepare(std::move(lab), plan));   // names claimed, baseline taken
//   NETNS_LAB_TRY(subject.build(Look::kEverything));                            // the target builds; links have
//   settled subject.outcome(), subject.before(), subject.after() NETNS_LAB_TRY(subject.begin_tear_down()); // the
//   target removes it NETNS_LAB_TRY(subject.finish_tear_down());                                  // the kernel has,
//   too
#pragma once

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
  // Reading all sysctls takes 3 ms a namespace and more in a new one; else those that decide what becomes of packets.
  bool all_sysctls = true;
};

// How much is looked at: reading all sysctls of a namespace alone takes 3 ms.
enum class Look {
  kLinks,       // and their addresses and routes, to see whether they have settled
  kObjects,     // everything but sysctls
  kNode,        // everything, to be compared with the node itself
  kEverything,  // and what a pristine namespace looks like, to compare declared namespaces with
};

class Subject {
 public:
  // Claims the names and takes the baseline. Errors: those of Node; kTaken when a name is in use, or a standing lab is
  // no longer as it was made; kInvalid when an address lies in a subnet of the node.
  static Result<Subject> prepare(Lab lab, SubjectPlan plan);

  Node& node() { return lab_.node(); }
  // The node that stands for the internet; kMissing where the lab has none (has_outside).
  bool has_outside() const { return lab_.has_outside(); }
  Result<Node*> outside();
  const Target& target() const { return *plan_.target; }
  const protocol::HelloReply& hello() { return lab_.node().hello(); }
  const Snapshot& before() const { return before_; }
  const Snapshot& after() const { return after_; }  // of the last build, taken once its links had settled
  const TargetOutcome& outcome() const { return outcome_; }
  const TargetOutcome& tear_down_outcome() const { return tear_down_outcome_; }

  enum class State { kEmpty, kBuilt, kGoing };
  State state() const { return state_; }
  int builds() const { return builds_; }  // how often it was built

  // The target builds, and after() is taken. What the target does wrong is in outcome(); an error is the lab's.
  Result<void> build(Look look);
  // The same in two steps: the target builds, outcome() is known; then links settle and after() is taken.
  Result<void> begin_build();
  Result<void> finish_build(Look look);
  // The target tears down; the kernel removes links some 30 to 50 ms later, in which something else can be done.
  Result<void> begin_tear_down();
  // Waits for the kernel. What does not go is left to a snapshot to tell.
  Result<void> finish_tear_down();
  // Whatever there is, it is torn down now.
  Result<void> tear_down();
  Result<Snapshot> observe(Look look);

 private:
  Subject(Lab lab, SubjectPlan plan) : lab_(std::move(lab)), plan_(std::move(plan)) {}

  Lab lab_;
  SubjectPlan plan_;
  Snapshot before_;
  Snapshot after_;
  TargetOutcome outcome_;
  TargetOutcome tear_down_outcome_;
  State state_ = State::kEmpty;
  int builds_ = 0;
};

// kTaken with what differs between a standing lab's node as it was when the lab was made and as it is now.
Result<void> check_unspoilt(const Snapshot& first, const Snapshot& now, const LabSpec& lab);

// kMissing with the settings of `place` that would spoil the verdict (conformance/decisive_sysctls.h).
Result<void> check_settings(const NamespaceState* state, const std::string& place, Family family);

// kInvalid when the scenario was told of a node address that the node's uplink does not have.
Result<void> check_node_address(const Topology& topology, const protocol::HelloReply& node);

// kInvalid when a container's subnet and one of the node's uplink overlap.
Result<void> check_addresses(const Topology& topology, const std::vector<Prefix>& uplink_addresses);

}  // namespace netns_lab
