#include "harness/cli/services.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <utility>

#include "harness/base/text.h"
#include "harness/cli/instance.h"
#include "harness/cli/machine.h"
#include "harness/cli/machine_keeper.h"
#include "harness/cli/output.h"
#include "harness/lab/named_lab.h"
#include "harness/node/agent.h"
#include "harness/node/host.h"
#include "harness/node/journal.h"
#include "harness/node/sandbox.h"

namespace netns_lab::cli {
namespace {

// The agent of a named lab: the socket names it as its listener from now on (named_lab.h, listener_of).
int serve_named(const node::AgentContext& context, UniqueFd listener) {
  ::listen(listener.get(), 64);
  return node::serve_listener(context, std::move(listener));
}

// One folder for all labs of this machine, whatever XDG_RUNTIME_DIR says: the next start must find what the last one
// left.
Result<std::string> journal_directory() {
  RuntimeEnvironment environment = RuntimeEnvironment::of_process();
  environment.runtime_directory = "";
  NETNS_LAB_ASSIGN(const LabHome home, LabHome::open(environment));
  return home.path() + "/.journal";
}

node::SandboxSpec sandbox_spec(const LabSpec& spec, node::AgentFunction agent, int log) {
  node::SandboxSpec sandbox;
  sandbox.user_namespace = !spec.privileged;
  sandbox.node_agent = agent;
  sandbox.outside_agent = std::move(agent);
  sandbox.log = log;
  sandbox.commands = spec.commands;
  sandbox.nodes = spec.nodes;
  sandbox.underlay = spec.underlay.value_or(Underlay::kOneSegment);
  return sandbox;
}

Result<node::HostSpec> host_spec(node::AgentFunction agent, int log) {
  NETNS_LAB_ASSIGN(std::string journal, journal_directory());
  node::HostSpec host;
  host.agent = std::move(agent);
  host.journal_directory = std::move(journal);
  host.log = log;
  return host;
}

Result<AgentStreams> start_in_machine(const LabSpec& spec, const RunMachines* machines) {
  if (machines != nullptr) return open_lab_in(machines->doors(), spec);
  NETNS_LAB_TRY(check_lab_name(spec.machine));
  NETNS_LAB_ASSIGN(const LabHome home, LabHome::open(RuntimeEnvironment::of_process()));
  std::vector<UniqueFd> doors;
  const int standing = nodes_of_named(spec.machine);
  for (int number = 1; number <= std::min(standing, spec.nodes); ++number) {
    NETNS_LAB_ASSIGN(UniqueFd door, connect_to(home.lab_path(spec.machine) + "/" + of_machine(kDoorSocket, number)));
    doors.push_back(std::move(door));
  }
  return open_lab_in(doors, spec);
}

Result<AgentStreams> start_private(const LabSpec& spec, const RunMachines* machines) {
  if (is_virtual_machine(spec.provider)) return start_in_machine(spec, machines);
  AgentStreams streams;
  if (spec.provider == Provider::kHost) {
    NETNS_LAB_ASSIGN(const node::HostSpec host, host_spec(&node::serve_stream, STDERR_FILENO));
    NETNS_LAB_ASSIGN(streams.node, node::start_host(host));
    return streams;
  }
  NETNS_LAB_ASSIGN(node::SandboxStreams made,
                   node::start_sandbox(sandbox_spec(spec, &node::serve_stream, STDERR_FILENO)));
  streams.node = std::move(made.node);
  streams.outside = std::move(made.outside);
  streams.more_nodes = std::move(made.more_nodes);
  return streams;
}

Result<void> start_named(const LabSpec& spec, const std::string& folder) {
  if (spec.provider == Provider::kQemu) return start_standing_machines(spec, folder);
  if (spec.provider == Provider::kMultipass) return start_standing_instance(spec, folder);
  const std::string log_path = folder + "/" + kLogFile;
  const UniqueFd log(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!log.valid()) return tl::unexpected(Error::system("write " + log_path, errno));
  NETNS_LAB_ASSIGN(UniqueFd listener, listen_at(folder + "/" + kNodeSocket));
  if (spec.provider == Provider::kHost) {
    NETNS_LAB_ASSIGN(const node::HostSpec host, host_spec(&serve_named, log.get()));
    return node::start_host(host, std::move(listener));
  }
  node::SandboxListeners listeners;
  listeners.node = std::move(listener);
  NETNS_LAB_ASSIGN(listeners.outside, listen_at(folder + "/" + kOutsideSocket));
  for (int number = 2; number <= spec.nodes; ++number) {
    NETNS_LAB_ASSIGN(UniqueFd further, listen_at(folder + "/" + node_socket(number)));
    listeners.more_nodes.push_back(std::move(further));
  }
  return node::start_sandbox(sandbox_spec(spec, &serve_named, log.get()), std::move(listeners));
}

Result<void> recover(const LabSpec& spec) {
  if (spec.provider != Provider::kHost) return {};
  NETNS_LAB_ASSIGN(const std::string directory, journal_directory());
  NETNS_LAB_ASSIGN(const node::Undone undone, node::recover_journals(directory));
  for (const std::string& remark : undone.remarks) say(remark);
  if (undone.left.empty()) return {};
  return tl::unexpected(Error::taken("undo what a dead lab left on this machine", join(undone.left, "; ")));
}

Result<void> leave(const LabSpec& spec, const std::string& folder) {
  return spec.provider == Provider::kMultipass ? leave_instance(spec, folder) : Result<void>();
}

}  // namespace

Result<std::size_t> undo_dead_runs() {
  NETNS_LAB_ASSIGN(const std::string directory, journal_directory());
  const auto count = [&directory] {
    std::error_code absent;
    const auto files = std::filesystem::directory_iterator(directory, absent);
    return absent ? std::ptrdiff_t{0} : std::distance(begin(files), end(files));
  };
  const std::ptrdiff_t before = count();
  if (before == 0) return 0;
  LabSpec host;
  host.provider = Provider::kHost;
  NETNS_LAB_TRY(recover(host));
  return static_cast<std::size_t>(std::max(std::ptrdiff_t{0}, before - count()));
}

LabServices lab_services(const RunMachines* machines) {
  return {.start_private = [machines](const LabSpec& spec) { return start_private(spec, machines); },
          .start_named = &start_named,
          .recover = &recover,
          .leave = &leave};
}

}  // namespace netns_lab::cli
