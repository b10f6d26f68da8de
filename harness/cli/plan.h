// Which workers a command line asks for: every scenario × target × address family, each with complete parameters, all
// checked before anything is built.
//
// Parameters, the later winning: the scenario's defaults, the target's own env.sh, --env-file, --param.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/cli/arguments.h"
#include "harness/model/scenario.h"
#include "harness/target/target.h"

namespace netns_lab::cli {

struct PlannedWorker {
  const Scenario* scenario = nullptr;  // borrowed from the caller's list
  Target* target = nullptr;            // borrowed from Plan::targets
  Family family = Family::kIpv4;
  Parameters parameters;
  std::vector<Topology> topologies;  // of each node

  const Topology& topology() const { return topologies.front(); }  // of the first node
  std::string label() const;                                       // "single-namespace, native, IPv4"
};

struct Plan {
  std::vector<std::unique_ptr<Target>> targets;
  std::vector<PlannedWorker> workers;
};

// kInvalid, naming what is unknown (a pattern of --filter that is of nothing, too) and the nearest known word, or which
// parameter is malformed and how.
Result<Plan> make_plan(const Arguments& arguments, const std::vector<Scenario>& scenarios);

}  // namespace netns_lab::cli
