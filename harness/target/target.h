// A target: the implementation under test, seen as something that builds a scenario's network on a node and takes it
// down again.
//
// What the target itself does wrong (a script that fails, hangs, prints garbage) is a TargetOutcome and becomes a
// `fail`. An Error means that the lab or the harness broke, and becomes an `error`.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/lab/node.h"
#include "harness/model/scenario.h"

namespace netns_lab {

struct BuildTask {
  std::string scenario;
  Parameters parameters;
  Family family = Family::kIpv4;
  Topology topology;
  std::chrono::milliseconds step_limit{30'000};  // for build, and again for tear-down
  // Is told how far it is, by one that takes long and knows: "build: 512 of 8,003 changes".
  std::function<void(const std::string&)> told{};
};

struct TargetOutcome {
  bool succeeded = true;
  std::string failure;  // one line: what the target did wrong: "setup.sh exited with status 2"
  std::string output;   // what it printed, made visible and cut
  bool processes_left =
      false;  // it left processes running (a failure too); they were killed, so that no snapshot shows them
};

class Target {
 public:
  virtual ~Target() = default;
  virtual const std::string& name()
      const = 0;  // as on the command line: "native", "script:fixtures/scenarios/single-namespace"
  virtual std::vector<Family> families() const = 0;
  // Whether it may be built on a second node, by another thread, before it is known how it went on the first: no
  // stranger's code that could hang or be surprised.
  virtual bool is_builtin() const { return false; }
  // Both may be called for several nodes at once, each node's task on its own thread.
  virtual Result<TargetOutcome> build(Node& node, const BuildTask& task) = 0;
  virtual Result<TargetOutcome> tear_down(Node& node, const BuildTask& task) = 0;
};

// Parses `--target TEXT` and reads what it names; kInvalid with one clear line. `parameters` are those of the command
// line and of --env-file; a script's own env.sh fills in what they leave open.
struct LoadedTarget {
  std::unique_ptr<Target> target;
  Parameters parameters;  // found in the target's own files (env.sh)
};
Result<LoadedTarget> load_target(const std::string& text);
std::vector<std::pair<std::string, std::string>> known_targets();  // form and one-line description, for `list targets`

}  // namespace netns_lab
