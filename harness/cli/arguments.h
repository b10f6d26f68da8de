// What the command line said, as one plain value. Parsing knows words and numbers only; whether a scenario or a target
// exists is judged later.
//
//   const Parsed parsed = parse_arguments(argc, argv);
//   if (!parsed.arguments) { print(parsed.text); return parsed.status; }   // --help, --version, or a usage error
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/lab/lab.h"
#include "harness/model/verdict.h"

namespace netns_lab::cli {

enum class Command {
  kDoctor,
  kUp,
  kDestroy,
  kShell,
  kExec,
  kRun,
  kTest,
  kListScenarios,
  kListTargets,
  kListRequirements,
  kListLabs,
  kExplain,
  kDiagnose,
  kSnapshot,
  kDiff,
  kQualify,
  kReport,
  kAgent,
};

inline constexpr auto kDefaultLabName = "netns-lab";
inline constexpr auto kDefaultReportDirectory = "netns-lab-report";

struct Arguments {
  Command command = Command::kTest;

  // Which lab.
  std::string lab = "sandbox";       // --lab: the provider
  std::string lab_name;              // --name; "" not given
  bool privileged = false;           // --privileged: a sandbox without a user namespace of its own
  int nodes = 1;                     // --nodes: up
  bool routed = false;               // --routed: up
  int node = 1;                      // --node: shell, exec, snapshot; which of a lab's nodes
  std::vector<std::string> kernels;  // --kernel: qemu; several for `test`

  // What is built and how it is judged.
  std::vector<std::string> scenarios;
  std::vector<std::string> targets;                             // --target, as given; empty: native
  std::vector<std::pair<std::string, std::string>> parameters;  // --param KEY=VALUE, in order
  std::string env_file;                                         // --env-file
  std::string containers;                                       // --containers: test; "" not given
  std::optional<Family> family;                                 // --family: test; none: all that there are
  std::string filter;                                           // --filter
  std::string known_failures;                                   // --known-failures: a file
  int repeat = 1;                                               // --repeat
  int jobs = 0;                                                 // --jobs; 0: as many as there are processors, at most 4
  std::chrono::milliseconds step_limit{30'000};                 // --timeout
  std::optional<std::chrono::milliseconds> deadline;            // --deadline
  bool shuffle = false;                                         // --shuffle
  std::uint32_t seed = 0;                                       // --seed: of --shuffle; 0: not given
  bool keep_on_failure = false;
  bool no_skip = false;
  std::string report_directory = kDefaultReportDirectory;
  bool json = false;

  // Of the other commands.
  std::vector<std::string> argv;   // exec: the command
  std::string network_namespace;   // exec, shell: --netns
  std::string from;                // diagnose: --from
  std::string to;                  // diagnose: --to
  bool text = false;               // snapshot: --text
  std::string requirement;         // explain
  std::vector<std::string> files;  // diff: two snapshots; report: records
  std::string output;              // snapshot, report: --output; "" standard output, and the report directory
  std::string fixtures;            // qualify: --fixtures; "" those of this program
  std::chrono::milliseconds fault_limit{30'000};  // qualify: --timeout
  InstanceChoice instance;     // up: --image, --disk, --cloud-init, --state-disk; up and test: --memory, --cpus
  int agent_stream = 0;        // agent: --fd
  bool agent_is_init = false;  // agent: --init
  std::string agent_labs_of;   // agent: --labs; "" not given
  std::vector<std::string> agent_wires;  // agent: --wire
};

struct Parsed {
  std::optional<Arguments> arguments;  // none: nothing to do but to print `text`
  std::string text;                    // help or version (for stdout), or one line about what is wrong (for stderr)
  ExitStatus status = ExitStatus::kConformant;
};

Parsed parse_arguments(int argc, const char* const* argv, const std::string& version);

}  // namespace netns_lab::cli
