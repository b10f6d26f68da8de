#include "harness/cli/main.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "harness/base/build_id.h"
#include "harness/base/unique_fd.h"
#include "harness/cli/arguments.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_status.h"
#include "harness/cli/output.h"
#include "harness/cli/signals.h"
#include "harness/node/agent.h"
#include "harness/node/guest_init.h"
#include "harness/node/guest_service.h"

namespace netns_lab {
namespace {

constexpr auto kVersion = "0.1.0";

// The node's side of a stream that somebody else opened: what a virtual machine is started with.
int run_agent(const cli::Arguments& arguments) {
  if (arguments.agent_is_init) return node::run_guest();
  if (!arguments.agent_labs_of.empty()) {
    return node::run_guest_service(arguments.agent_labs_of, arguments.agent_wires);
  }
  char host_name[256] = {};
  ::gethostname(host_name, sizeof host_name - 1);
  node::AgentContext context;
  context.provider = "agent";
  context.node = "node-1";
  context.host_name = host_name;
  return node::serve_stream(context, UniqueFd(arguments.agent_stream));
}

// Many short-lived processes with a few threads that seldom meet: one arena, grown in large steps and never given back,
// spares each of them the page faults and calls of several small ones (6 % of the CPU time of `test`).
void keep_memory() {
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_TOP_PAD, 1 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

int run(const cli::Arguments& arguments, const std::vector<std::string>& command,
        const std::vector<Scenario>& scenarios) {
  using cli::Command;
  // These see to signals themselves, or are ended by whoever needs them no longer.
  constexpr std::array kOthers = {Command::kTest, Command::kShell, Command::kExec, Command::kAgent};
  std::optional<cli::EndOnSignal> interrupted;
  if (std::find(kOthers.begin(), kOthers.end(), arguments.command) == kOthers.end()) interrupted.emplace("interrupted");
  switch (arguments.command) {
    case Command::kDoctor:
      return static_cast<int>(cli::run_doctor(arguments));
    case Command::kUp:
      return static_cast<int>(cli::run_up(arguments));
    case Command::kDestroy:
      return static_cast<int>(cli::run_destroy(arguments));
    case Command::kShell:
      return cli::run_shell(arguments);
    case Command::kExec:
      return cli::run_exec(arguments);
    case Command::kRun:
      return static_cast<int>(cli::run_build(arguments, scenarios));
    case Command::kTest:
      return static_cast<int>(cli::run_test(arguments, command, scenarios));
    case Command::kListScenarios:
      return static_cast<int>(cli::run_list_scenarios(arguments, scenarios));
    case Command::kListTargets:
      return static_cast<int>(cli::run_list_targets(arguments));
    case Command::kListRequirements:
      return static_cast<int>(cli::run_list_requirements(arguments, scenarios));
    case Command::kListLabs:
      return static_cast<int>(cli::run_list_labs(arguments));
    case Command::kExplain:
      return static_cast<int>(cli::run_explain(arguments, scenarios));
    case Command::kDiagnose:
      return static_cast<int>(cli::run_diagnose(arguments));
    case Command::kSnapshot:
      return static_cast<int>(cli::run_snapshot(arguments));
    case Command::kDiff:
      return static_cast<int>(cli::run_diff(arguments));
    case Command::kQualify:
      return static_cast<int>(cli::run_qualify(arguments, scenarios));
    case Command::kReport:
      return static_cast<int>(cli::run_report(arguments));
    case Command::kAgent:
      return run_agent(arguments);
  }
  return static_cast<int>(ExitStatus::kHarnessBroke);
}

// What was printed has to have arrived: on a full disk half a report is none. A reader that has gone (`| head`) had
// enough.
int checked(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  struct stat output {};
  if (::fstat(STDOUT_FILENO, &output) != 0 || S_ISFIFO(output.st_mode) || S_ISSOCK(output.st_mode)) return status;
  return static_cast<int>(cli::complain(ExitStatus::kUsage, "standard output: it cannot be written"));
}

int run_command_line_unchecked(int argc, char** argv, const std::vector<Scenario>& scenarios) {
  try {
    const cli::Parsed parsed =
        cli::parse_arguments(argc, argv, fmt::format("netns-lab {} (build {})", kVersion, build_id()));
    if (parsed.arguments) return run(*parsed.arguments, std::vector<std::string>(argv, argv + argc), scenarios);
    if (parsed.status == ExitStatus::kConformant) {
      cli::print(parsed.text);
      return 0;
    }
    return static_cast<int>(cli::complain(parsed.status, parsed.text));
  } catch (const std::exception& error) {
    return static_cast<int>(
        cli::complain(ExitStatus::kHarnessBroke, fmt::format("the harness broke: {}", error.what())));
  }
}

}  // namespace

int run_command_line(int argc, char** argv, const std::vector<Scenario>& scenarios) {
  keep_memory();
  return checked(run_command_line_unchecked(argc, argv, scenarios));
}

}  // namespace netns_lab
