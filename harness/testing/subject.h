// The network under test: of each node as it was, what the target did there, the node as it is. Most scenarios have one
// node; where there are several, the target builds and tears down on all of them at once, and what is asked of a node
// takes its index, 0 being the first.
//
//   NETNS_LAB_ASSIGN(Subject subject, Subject::prepare(std::move(lab), plan));   // names claimed, baseline taken
//   NETNS_LAB_TRY(subject.build(Look::kEverything));                            // the target builds; links have
//   settled subject.outcome(), subject.before(), subject.after() NETNS_LAB_TRY(subject.begin_tear_down()); // the
//   target removes it NETNS_LAB_TRY(subject.finish_tear_down());                                  // the kernel has,
//   too
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/lab/lab.h"
#include "harness/model/scenario.h"
#include "harness/target/target.h"

namespace netns_lab {

struct SubjectPlan {
  Target* target = nullptr;
  BuildTask task;                       // of the first node
  std::vector<Topology> further_nodes;  // what the task is there
  // What the tests themselves may add on this node, beside what the scenario declares.
  std::vector<std::string> more_namespaces;
  std::vector<std::string> more_links;
  std::vector<Prefix> more_subnets;
  bool bystanders = false;  // others have something on the node, too (bystanders.h); not beside the built-in target
  // Reading all sysctls takes 3 ms a namespace and more in a new one; else those that decide what becomes of packets.
  bool all_sysctls = true;
};

// How much is looked at: reading all sysctls of a namespace alone takes 3 ms.
enum class Look {
  kLinks,       // and their addresses and routes, to see whether they have settled
  kObjects,     // everything but sysctls
  kNode,        // everything, to be compared with the node itself
  kOwn,         // everything, but of the named namespaces their entries only; and what a pristine namespace looks like
  kEverything,  // and what a pristine namespace looks like, to compare declared namespaces with
};

class Subject {
 public:
  // Claims the names and takes the baseline. Errors: those of Node; kTaken when a name is in use, or a standing lab is
  // no longer as it was made; kInvalid when an address lies in a subnet of the node.
  static Result<Subject> prepare(Lab lab, SubjectPlan plan);

  std::size_t nodes() const { return parts_.size(); }
  Node& node(std::size_t node = 0) { return lab_.node(node); }
  // The node that stands for the internet; kMissing where the lab has none (has_outside).
  bool has_outside() const { return lab_.has_outside(); }
  Result<Node*> outside();
  const Target& target() const { return *plan_.target; }
  const protocol::HelloReply& hello(std::size_t node = 0) { return lab_.node(node).hello(); }
  const Topology& topology(std::size_t node = 0) const { return parts_.at(node).task.topology; }
  const Snapshot& before(std::size_t node = 0) const { return parts_.at(node).before; }
  // Of the last build, taken once its links had settled.
  const Snapshot& after(std::size_t node = 0) const { return parts_.at(node).after; }
  const TargetOutcome& outcome(std::size_t node = 0) const { return parts_.at(node).outcome; }
  const TargetOutcome& tear_down_outcome(std::size_t node = 0) const { return parts_.at(node).tear_down_outcome; }
  // Others have something on its nodes, too (bystanders.h).
  bool has_bystanders() const { return plan_.bystanders && !plan_.target->is_builtin(); }
  bool succeeded() const;  // the target reports that it built the network, on every node

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
  // How long after its time the kernel was done with a build or a tear-down, at the most: a slow machine, not a wrong
  // network.
  std::chrono::milliseconds late() const;
  // Whatever there is, it is torn down now.
  Result<void> tear_down();
  Result<Snapshot> observe(Look look, std::size_t node = 0);

 private:
  struct Part {
    BuildTask task;
    Snapshot before;
    Snapshot after;
    TargetOutcome outcome;
    TargetOutcome tear_down_outcome;
    std::chrono::milliseconds late{0};
  };
  Subject(Lab lab, SubjectPlan plan);
  // On every node, at the same time; the first node's error, else the second's, and so on.
  Result<void> on_all(const std::function<Result<void>(std::size_t node)>& work) const;
  Result<void> prepare_part(std::size_t node);
  Result<void> add_bystanders(std::size_t node);
  Result<void> finish_part(std::size_t node, Look look);

  Lab lab_;
  SubjectPlan plan_;
  std::vector<Part> parts_;
  State state_ = State::kEmpty;
  int builds_ = 0;
};

// kTaken with what differs between a standing lab's node as it was when the lab was made and as it is now.
Result<void> check_unspoilt(const Snapshot& first, const Snapshot& now, const LabSpec& lab);

// kMissing with the settings of `place` that would spoil the verdict (conformance/decisive_sysctls.h).
Result<void> check_settings(const NamespaceState* state, const std::string& place, Family family);
// kMissing when the kernel of the node whose own namespace this is (as it was before the build) lacks a setting that
// the topology makes there. Nothing where no sysctls were read.
Result<void> check_declared_settings(const Topology& topology, const NamespaceState* own, const std::string& place);

// kMissing when a process that may have `allowed` descriptors open at once has too few for the scenario's tests.
// `stands`: it is the agent of a lab that stands, which got its limit from whoever made it.
Result<void> check_descriptors(std::uint64_t allowed, std::uint64_t needed, const std::string& place, bool stands);

// kInvalid when the scenario was told of a node address that the node's uplink does not have.
Result<void> check_node_address(const Topology& topology, const protocol::HelloReply& node);

// kInvalid when a container's subnet and one of the node's uplink overlap.
Result<void> check_addresses(const Topology& topology, const std::vector<Prefix>& uplink_addresses);

}  // namespace netns_lab
