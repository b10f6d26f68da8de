// shell, exec, snapshot: on the node of a standing lab.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_status.h"
#include "harness/cli/lab_choice.h"
#include "harness/cli/output.h"
#include "harness/cli/terminal.h"
#include "harness/model/json.h"

namespace netns_lab::cli {
namespace {

// --node; the lab was opened with as many.
Node& the_node(Lab& lab, const Arguments& arguments) { return lab.node(static_cast<std::size_t>(arguments.node) - 1); }

int run_on_node(const Arguments& arguments, std::vector<std::string> argv, bool terminal) {
  auto lab = open_named_lab(arguments);
  if (!lab) return static_cast<int>(complain(lab.error()));
  protocol::RunRequest request;
  request.argv = std::move(argv);
  request.network_namespace = arguments.network_namespace;
  request.terminal = terminal;
  request.output_limit = std::numeric_limits<std::int64_t>::max();  // it is read as it comes
  request.environment["HISTFILE"] = "";  // a shell's history would be a file on a node that is being judged
  if (const char* type = std::getenv("TERM"); terminal && type != nullptr) request.environment["TERM"] = type;
  const auto status = run_attached(the_node(*lab, arguments), request);
  if (!status && status.error().system_errno == ENOENT && !arguments.network_namespace.empty()) {
    return static_cast<int>(
        complain(Error::invalid("--netns " + visible(arguments.network_namespace, 100),
                                "there is no such namespace on the node", "netns-lab exec -- ip netns lists them")));
  }
  if (!status) return static_cast<int>(complain(status.error()));
  return *status;
}

std::string as_json(const Snapshot& snapshot) {
  const nlohmann::json json = snapshot;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string as_text(const Snapshot& snapshot) {
  std::ostringstream text;
  text << snapshot;
  return visible(text.str());
}

}  // namespace

int run_shell(const Arguments& arguments) { return run_on_node(arguments, {"bash", "-i"}, on_terminal()); }

int run_exec(const Arguments& arguments) { return run_on_node(arguments, arguments.argv, on_terminal()); }

ExitStatus run_snapshot(const Arguments& arguments) {
  auto lab = open_named_lab(arguments);
  if (!lab) return complain(lab.error());
  const auto snapshot = the_node(*lab, arguments).snapshot({.all_sysctls = true, .sysctls = {}});
  if (!snapshot) return complain(snapshot.error());
  const std::string text = arguments.text ? as_text(*snapshot) : as_json(*snapshot);
  if (arguments.output.empty()) {
    print(text);
    return ExitStatus::kConformant;
  }
  std::ofstream file(arguments.output);
  file << text << std::flush;
  if (!file) return complain(Error::invalid("--output " + visible(arguments.output, 200), "it cannot be written"));
  return ExitStatus::kConformant;
}

}  // namespace netns_lab::cli
