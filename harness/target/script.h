// The `script` target: somebody's shell script, run as the tutorial runs it.
//
// Its files are put into /home/ubuntu of the node with their modes. setup.sh (or the script that was named) builds,
// teardown.sh takes down. Each is started by its #! line (by bash when it has none) in /home/ubuntu, as root of the
// node, with the parameters in its environment, nothing on its standard input, and a time limit for all of its
// processes.
//
// The parameters that count are those of the task. So the env.sh that is put there holds them: where a value differs
// from the file's own (--param,
// --env-file), that assignment is written anew; a script that comes without env.sh is given one. A script that sources
// it gets what was asked for.
//
// A script that exits with another status than 0, is killed, passes its limit, cannot be started, or leaves processes
// running has failed: a TargetOutcome with what it printed. Only IPv4: the tutorial's scripts know no other.
#pragma once

#include <string>
#include <vector>

#include "harness/target/script_files.h"
#include "harness/target/target.h"

namespace netns_lab {

class ScriptTarget final : public Target {
 public:
  ScriptTarget(std::string name, ScriptFiles script);

  const std::string& name() const override { return name_; }
  std::vector<Family> families() const override { return {Family::kIpv4}; }
  Result<TargetOutcome> build(Node& node, const BuildTask& task) override;
  // Without a teardown.sh: what the scenario declares is deleted, and the outcome's output says so.
  Result<TargetOutcome> tear_down(Node& node, const BuildTask& task) override;

 private:
  Result<void> put_files(Node& node, const BuildTask& task) const;
  Result<TargetOutcome> run(Node& node, const BuildTask& task, const std::string& file) const;

  std::string name_;
  ScriptFiles script_;
};

// The files as they are put for these parameters: env.sh with their values in it.
std::vector<ScriptFile> effective_files(const ScriptFiles& script, const Parameters& parameters);

// What the end of `file` means; the output of both streams made visible, its middle left out when there is much of it.
TargetOutcome outcome_of(const std::string& file, const CommandResult& result);

}  // namespace netns_lab
