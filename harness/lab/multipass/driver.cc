#include "harness/lab/multipass/driver.h"

#include <fmt/format.h>

#include <utility>

#include "harness/base/text.h"
#include "harness/lab/multipass/refusal.h"

namespace netns_lab::multipass {
namespace {

using std::chrono::seconds;

constexpr seconds kAskLimit{30};      // info, version
constexpr seconds kLaunchLimit{600};  // multipass's own; it fetches an image the first time
constexpr seconds kGrace{30};         // ours beyond multipass's own, so that its words are heard
constexpr seconds kStartLimit{180};
constexpr seconds kCloudInitLimit{600};
constexpr seconds kPutLimit{120};
constexpr seconds kRemoveLimit{120};
constexpr int kNotFoundInGuest = 127;  // POSIX sh: no such command
constexpr int kCloudInitDegraded = 2;  // cloud-init 23.4: it ended, with errors that it recovered from

// What is done about an instance that is there.
enum class Step { kNothing, kStart, kRecover, kRefuse };

Step step_for(InstanceState state) {
  switch (state) {
    case InstanceState::kRunning:
      return Step::kNothing;
    case InstanceState::kDeleted:
      return Step::kRecover;
    case InstanceState::kUnavailable:
      return Step::kRefuse;
    case InstanceState::kStopped:
    case InstanceState::kSuspended:
    case InstanceState::kStarting:
    case InstanceState::kRestarting:
    case InstanceState::kDelayedShutdown:
    case InstanceState::kSuspending:
    case InstanceState::kUnknown:  // `start` knows better than we
      return Step::kStart;
  }
  return Step::kStart;
}

}  // namespace

Result<void> Driver::succeed(const std::string& attempted, const process::Command& command) {
  NETNS_LAB_ASSIGN(const process::CommandOutcome outcome, run(command));
  if (outcome.succeeded()) return {};
  return tl::unexpected(refusal(attempted, command, outcome));
}

Result<Version> Driver::probe() {
  const process::Command command = caller_.command(version_arguments(), kAskLimit);
  NETNS_LAB_ASSIGN(const process::CommandOutcome outcome, run(command));
  if (!outcome.succeeded()) return tl::unexpected(refusal("ask multipass for its version", command, outcome));
  NETNS_LAB_ASSIGN(Version version, parse_version(outcome.output));
  if (version.daemon) return version;
  return tl::unexpected(
      Error::missing("reach the daemon of multipass",
                     fmt::format("`{}` tells multipass {} and no multipassd: the daemon of multipass does not answer",
                                 to_string(command), version.client),
                     "snap start multipass; and this user must be in the group that owns its socket (sudo)"));
}

Result<std::optional<Instance>> Driver::info(const std::string& name) {
  const process::Command command = caller_.command(info_arguments(name), kAskLimit);
  NETNS_LAB_ASSIGN(const process::CommandOutcome outcome, run(command));
  if (is_no_such_instance(outcome)) return std::optional<Instance>();
  if (!outcome.succeeded()) {
    return tl::unexpected(refusal(fmt::format("ask multipass about {}", name), command, outcome));
  }
  return parse_info(name, outcome.output);
}

Result<Readiness> Driver::make_ready(const InstanceSpec& spec, const std::function<Result<void>()>& before_launch) {
  NETNS_LAB_TRY(check_instance_name(spec.name));
  NETNS_LAB_TRY(probe());
  NETNS_LAB_ASSIGN(std::optional<Instance> instance, info(spec.name));
  Readiness ready;
  if (!instance) {
    NETNS_LAB_TRY(before_launch());
    NETNS_LAB_TRY(launch(spec, ready));
    NETNS_LAB_ASSIGN(instance, info(spec.name));
    if (!instance) {
      return tl::unexpected(Error::lost(fmt::format("launch instance {}", spec.name),
                                        "multipass launched it, and its info does not know it"));
    }
  }
  NETNS_LAB_TRY(bring_to_run(spec, *std::move(instance), ready));
  NETNS_LAB_TRY(await_cloud_init(spec.name, ready));
  return ready;
}

Result<void> Driver::launch(const InstanceSpec& spec, Readiness& ready) {
  const std::string attempted = fmt::format("launch instance {}", spec.name);
  ready.launched = true;
  process::Command command = caller_.command(launch_arguments(spec, MemoryOption::kMemory, kLaunchLimit),
                                             kLaunchLimit + kGrace, spec.cloud_init);
  NETNS_LAB_ASSIGN(process::CommandOutcome outcome, run(command));
  if (!outcome.succeeded() && is_unknown_option("memory", outcome.errors + outcome.output)) {
    command = caller_.command(launch_arguments(spec, MemoryOption::kMem, kLaunchLimit), kLaunchLimit + kGrace,
                              spec.cloud_init);
    NETNS_LAB_ASSIGN(outcome, run(command));
  }
  if (outcome.succeeded()) return {};
  Error why = refusal(attempted, command, outcome);
  if (!is_time_out(outcome)) return tl::unexpected(std::move(why));
  // It usually is there and works; what it needs still is waited for below.
  const auto instance = info(spec.name);
  if (!instance || !*instance) return tl::unexpected(std::move(why));
  ready.remarks.push_back(fmt::format("the launch of {} timed out, and it is there ({}): going on with it", spec.name,
                                      visible((*instance)->state_text, 40)));
  return {};
}

Result<void> Driver::bring_to_run(const InstanceSpec& spec, Instance instance, Readiness& ready) {
  const std::string attempted = fmt::format("start instance {}", spec.name);
  Step step = step_for(instance.state);
  if (step == Step::kRefuse) {
    return tl::unexpected(
        Error::missing(attempted, "multipass says that it is " + visible(instance.state_text, 40),
                       fmt::format("multipass info {} tells more; or use another --name", spec.name)));
  }
  if (step == Step::kRecover) {
    NETNS_LAB_TRY(succeed(fmt::format("recover the deleted instance {}", spec.name),
                          caller_.command({"recover", spec.name}, kStartLimit)));
    ready.remarks.push_back(fmt::format(
        "instance {0} had been deleted, and was recovered with all that is on its disk; to have a new one instead: "
        "multipass delete --purge {0}",
        spec.name));
    step = Step::kStart;
  }
  if (step == Step::kNothing) return {};
  const process::Command command =
      caller_.command({"start", spec.name, "--timeout", std::to_string(kStartLimit.count())}, kStartLimit + kGrace);
  NETNS_LAB_ASSIGN(const process::CommandOutcome outcome, run(command));
  if (!outcome.succeeded() && !is_time_out(outcome)) return tl::unexpected(refusal(attempted, command, outcome));
  NETNS_LAB_ASSIGN(const std::optional<Instance> after, info(spec.name));
  if (after && after->state == InstanceState::kRunning) return {};
  if (!outcome.succeeded()) return tl::unexpected(refusal(attempted, command, outcome));
  return tl::unexpected(
      Error::lost(attempted, fmt::format("`{}` succeeded, and multipass says that it is {}", to_string(command),
                                         after ? visible(after->state_text, 40) : std::string("not there"))));
}

Result<void> Driver::await_cloud_init(const std::string& name, Readiness& ready) {
  NETNS_LAB_ASSIGN(const GuestOutcome outcome, run_in_guest(name, {"cloud-init", "status", "--wait"}, kCloudInitLimit));
  if (outcome.status == 0) return {};
  const std::string said = visible_line(visible(outcome.errors + outcome.output, 300));
  if (outcome.status == kNotFoundInGuest) {
    ready.remarks.push_back(fmt::format("instance {} has no cloud-init: what scripts need may not be there", name));
    return {};
  }
  if (outcome.status == kCloudInitDegraded) {
    ready.remarks.push_back(fmt::format("cloud-init of {} ended with errors that it recovered from: {}", name, said));
    return {};
  }
  Error error = Error::missing(
      fmt::format("wait for cloud-init of {}", name),
      fmt::format("in the guest, `cloud-init status --wait` exited with status {}, and printed: {}", outcome.status,
                  said),
      fmt::format(
          "multipass exec {0} -- cat /var/log/cloud-init-output.log shows why; netns-lab destroy --lab multipass "
          "--name {0} and up again makes a new one",
          name));
  return tl::unexpected(std::move(error));
}

Result<GuestOutcome> Driver::run_in_guest(const std::string& name, const std::vector<std::string>& argv,
                                          std::chrono::milliseconds limit) {
  const process::Command command = caller_.command(exec_arguments(name, argv), limit);
  NETNS_LAB_ASSIGN(process::CommandOutcome outcome, run(command));
  if (auto guest = parse_guest_output(outcome.output)) {
    guest->errors = std::move(outcome.errors);
    return *std::move(guest);
  }
  Error error = refusal(fmt::format("run {} in instance {}", join(argv, " "), name), command, outcome);
  if (outcome.succeeded()) error.detail = "the guest's status did not arrive: " + error.detail;
  return tl::unexpected(std::move(error));
}

Result<void> Driver::put(const std::string& name, const std::string& path, std::string bytes) {
  return succeed(fmt::format("transfer {} to instance {}", path, name),
                 caller_.command({"transfer", "-", name + ":" + path}, kPutLimit, std::move(bytes)));
}

Result<void> Driver::remove(const std::string& name) {
  const process::Command command = caller_.command({"delete", "--purge", name}, kRemoveLimit);
  NETNS_LAB_ASSIGN(const process::CommandOutcome outcome, run(command));
  if (outcome.succeeded() || is_no_such_instance(outcome)) return {};
  return tl::unexpected(refusal(fmt::format("delete instance {}", name), command, outcome));
}

process::Command Driver::stream_command(const std::string& name, const std::vector<std::string>& argv) const {
  process::Command command = caller_.command(stream_arguments(name, argv), std::chrono::milliseconds(0));
  command.time_limit = std::chrono::milliseconds(0);
  return command;
}

}  // namespace netns_lab::multipass
