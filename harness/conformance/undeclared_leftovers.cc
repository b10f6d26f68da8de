#include "harness/conformance/undeclared_leftovers.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/text.h"

namespace netns_lab {
namespace {

constexpr std::size_t kLongestValue = 200;  // bytes of one value in a message

// Entries of /run/netns are a claim of their own.
bool is_namespace_file(const std::string& path) {
  return path == "/run/netns" || path.rfind("/run/netns/", 0) == 0 || path == "/var/run/netns" ||
         path.rfind("/var/run/netns/", 0) == 0;
}

// mount(8) keeps a private table there whenever it mounts something (libmount); the old iptables its lock, which it
// never removes (iptables(8), FILES).
bool is_private_to_a_tool(const std::string& path) {
  return path == "/run/mount" || path.rfind("/run/mount/", 0) == 0 || path == "/run/xtables.lock";
}

}  // namespace

// Lines that say how it is other than it was when the node was made: a path alone was created.
std::vector<std::string> undeclared_files(const Snapshot& before, const Snapshot& after) {
  const std::set<std::string> was(before.files.begin(), before.files.end());
  std::vector<std::string> findings;
  for (const auto& file : after.files) {
    if (was.contains(file) || is_namespace_file(file) || is_private_to_a_tool(file)) continue;
    findings.push_back(
        fmt::format("{}{}", visible(file, kLongestValue), file.back() == ')' ? "" : " was made and not removed"));
  }
  return findings;
}

std::vector<std::string> undeclared_mounts(const Snapshot& before, const Snapshot& after) {
  const std::set<std::string> was(before.mounts.begin(), before.mounts.end());
  std::vector<std::string> findings;
  for (const auto& mount : after.mounts) {
    if (!was.contains(mount)) findings.push_back(visible(mount, kLongestValue));
  }
  return findings;
}

std::vector<std::string> changed_host_names(const Snapshot& before, const Snapshot& after) {
  std::vector<std::string> findings;
  const auto compare = [&](const char* what, const std::string& was, const std::string& is) {
    if (was != is)
      findings.push_back(
          fmt::format("the node's {} is {}; it was {}", what, visible(is, kLongestValue), visible(was, kLongestValue)));
  };
  compare("host name", before.host_name, after.host_name);
  compare("NIS domain name", before.domain_name, after.domain_name);
  return findings;
}

std::vector<std::string> undeclared_processes(const Snapshot& before, const Snapshot& after,
                                              const Declaration& declared) {
  std::vector<std::string> findings;
  for (const auto& process : after.processes) {
    const bool was = std::any_of(before.processes.begin(), before.processes.end(),
                                 [&](const ProcessState& other) { return other.pid == process.pid; });
    const std::string program = process.command.substr(0, process.command.find(' '));
    const std::string name = program.substr(program.rfind('/') + 1);
    const bool may_run = std::find(declared.daemons.begin(), declared.daemons.end(), name) != declared.daemons.end();
    if (!was && !may_run)
      findings.push_back(
          fmt::format("process {} still runs: {}", process.pid, visible(process.command, kLongestValue)));
  }
  return findings;
}

}  // namespace netns_lab
