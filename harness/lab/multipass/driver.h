// An instance of multipass, brought to where a lab can be made in it.
//
//   ProcessRunner runner;
//   Driver driver(runner, environment, deadline);
//   NETNS_LAB_ASSIGN(const Readiness ready, driver.make_ready(spec, [] { …remember that it is ours…; return
//   Result<void>(); })); NETNS_LAB_ASSIGN(const GuestOutcome outcome, driver.run_in_guest("netns-lab", {"uname", "-r"},
//   seconds(30)));
//
// Nothing that multipass reports about its own success is believed where `info` can be asked instead.
//
// Threading: one thread. Errors: of every call kMissing, kTaken, kTimeout or kLost name the command, how it ended, what
// it printed and what to do (refusal.h).
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/lab/multipass/answers.h"
#include "harness/lab/multipass/command_runner.h"
#include "harness/lab/multipass/commands.h"

namespace netns_lab::multipass {

struct Readiness {
  bool launched = false;             // it was not there before
  std::vector<std::string> remarks;  // for a person: what was done, and what is odd
};

class Driver {
 public:
  // `runner` is borrowed. `deadline` is for all that it does.
  Driver(CommandRunner& runner, std::map<std::string, std::string> environment, Deadline deadline)
      : runner_(runner), caller_{.environment = std::move(environment), .deadline = deadline} {}

  // kMissing without multipass, or when its daemon does not answer.
  Result<Version> probe();
  Result<std::optional<Instance>> info(const std::string& name);

  // Launches it, or takes the one of that name: started when it is stopped, recovered when it is deleted. It runs and
  // cloud-init has ended when this returns. `before_launch` is called when there is none, before one is made.
  Result<Readiness> make_ready(const InstanceSpec& spec, const std::function<Result<void>()>& before_launch);

  // A command of the guest, whatever its status. kLost: multipass failed; kTimeout: it took too long.
  Result<GuestOutcome> run_in_guest(const std::string& name, const std::vector<std::string>& argv,
                                    std::chrono::milliseconds limit);
  // A file, by standard input: the snap cannot read every folder.
  Result<void> put(const std::string& name, const std::string& path, std::string bytes);
  // Deleted and purged. No error when there is none.
  Result<void> remove(const std::string& name);

  // multipass with these arguments, in its environment, for whoever runs it otherwise.
  process::Command stream_command(const std::string& name, const std::vector<std::string>& argv) const;

 private:
  Result<process::CommandOutcome> run(const process::Command& command) { return runner_.run(command); }
  Result<void> succeed(const std::string& attempted, const process::Command& command);
  Result<void> launch(const InstanceSpec& spec, Readiness& ready);
  Result<void> bring_to_run(const InstanceSpec& spec, Instance instance, Readiness& ready);
  Result<void> await_cloud_init(const std::string& name, Readiness& ready);

  CommandRunner& runner_;
  Caller caller_;
};

}  // namespace netns_lab::multipass
