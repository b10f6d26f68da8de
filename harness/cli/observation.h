// What a target does, observed without any judgement: built in a lab of its own, torn down, built again; and what of
// that a right target does not do. `qualify` shows by it that a fault took hold at all.
//
//   "build: setup.sh exited with status 3"
//   "link veth2 in netns1 changed: mtu 1500, now 1400"           the network, after the build
//   "tear-down: teardown.sh exited with status 1"
//   "left: new route on the node: …"                             the node, after the tear-down
//   "second build: setup.sh exited with status 1"
//   "second: link veth1 on the node changed: mtu …"              the network, after the second build
//   "left: node-2: new route on the node: …"                     the same of a further node
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/error.h"
#include "harness/cli/plan.h"
#include "harness/lab/lab.h"
#include "harness/model/snapshot.h"
#include "harness/target/target.h"

namespace netns_lab::cli {

enum class Steps { kBuild, kTearDown, kSecondBuild };  // up to and including

struct NodeObservation {
  std::set<std::pair<std::string, std::string>>
      with_declared_mac{};  // links, by namespace ("" the node's own) and name
  TargetOutcome build;
  Snapshot network;
  TargetOutcome tear_down;
  Snapshot left;
  TargetOutcome second_build;
  Snapshot second_network;
};
using Observation = std::vector<NodeObservation>;  // the first node first

// In a private sandbox. An error is the lab's.
Result<Observation> observe(const PlannedWorker& planned, std::chrono::milliseconds step_limit, Steps steps,
                            const LabServices& services);

// What `seen` shows beyond `right`, a line each, as above.
std::vector<std::string> peculiarities(const Observation& right, const Observation& seen, Steps steps);

// Which steps an observation that begins like this needs.
Steps steps_for(const std::string& line);

}  // namespace netns_lab::cli
