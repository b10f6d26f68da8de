#include "harness/target/script.h"

#include <fmt/format.h>

#include <utility>

#include "harness/base/exhaustion.h"
#include "harness/base/text.h"
#include "harness/target/declared.h"
#include "harness/target/env_file.h"

namespace netns_lab {
namespace {

constexpr auto kHome = "/home/ubuntu/";
constexpr auto kEnvironment = "env.sh";
constexpr std::uint64_t kOutputKept = 256 * 1024;  // of each stream, on the way here
constexpr std::size_t kShownHead = 1024;
constexpr std::size_t kShownTail = 3072;

// The beginning and the end: a script's last words are why it ended. `dropped`: bytes between them that never came
// here.
std::string shown(const std::string& bytes, std::uint64_t dropped) {
  if (bytes.size() <= kShownHead + kShownTail) return visible(bytes);
  return fmt::format("{}\n… ({} bytes left out)\n{}", visible(std::string_view(bytes).substr(0, kShownHead)),
                     bytes.size() - kShownHead - kShownTail + dropped,
                     visible(std::string_view(bytes).substr(bytes.size() - kShownTail)));
}

std::string both_streams(const CommandResult& result) {
  // Which of the streams they are of is known when only one is full.
  const bool is_full = result.output.size() >= kOutputKept;
  const bool are_errors_full = result.errors.size() >= kOutputKept;
  const std::uint64_t dropped = is_full != are_errors_full ? result.end.dropped : 0;
  std::string text = shown(result.output, is_full ? dropped : 0);
  if (!result.errors.empty()) {
    if (!text.empty() && text.back() != '\n') text += '\n';
    text += shown(result.errors, are_errors_full ? dropped : 0);
  }
  if (result.end.dropped > dropped) text += fmt::format("\n… ({} more bytes were not kept)", result.end.dropped);
  return text;
}

std::string how_it_ended(const protocol::CommandEnd& end) {
  using How = protocol::CommandEnd::How;
  switch (end.how) {
    case How::kExited:
      if (end.code == 126) return "exited with status 126 (bash: a command was found but could not be executed)";
      if (end.code == 127) return "exited with status 127 (bash: a command was not found)";
      return fmt::format("exited with status {}", end.code);
    case How::kTimedOut:
      return fmt::format("was stopped at its deadline, after {:.1f} s, with its process group",
                         static_cast<double>(end.duration.count()) / 1e6);
    default:
      return protocol::to_string(end);
  }
}

}  // namespace

std::vector<ScriptFile> effective_files(const ScriptFiles& script, const Parameters& parameters) {
  std::vector<ScriptFile> files = script.files;
  for (ScriptFile& file : files) {
    if (file.name != kEnvironment) continue;
    file.bytes = with_values(file.bytes, parameters);
    return files;
  }
  ScriptFile environment;
  environment.name = kEnvironment;
  environment.bytes = env_file_of(parameters);
  files.push_back(std::move(environment));
  return files;
}

TargetOutcome outcome_of(const std::string& file, const CommandResult& result) {
  TargetOutcome outcome;
  outcome.output = both_streams(result);
  outcome.processes_left = result.end.descendants_left;
  outcome.succeeded = result.succeeded() && !result.end.descendants_left;
  if (!result.succeeded()) {
    outcome.failure = file + " " + how_it_ended(result.end);
  } else if (result.end.descendants_left) {
    outcome.failure = file + " ended, but left processes running (a daemon?); they were killed";
    if (!result.end.descendants.empty()) outcome.failure += ": " + join(result.end.descendants, ", ");
  }
  return outcome;
}

namespace {

// Of a shell's script: most of its lines end in CR LF. (One in a here-document is somebody's wish.)
bool has_windows_lines(std::string_view bytes) {
  const std::string_view first = bytes.substr(0, bytes.find('\n'));
  if (first.starts_with("#!") && first.find("sh") == std::string_view::npos) return false;
  std::size_t lines = 0;
  std::size_t windows = 0;
  for (std::size_t at = bytes.find('\n'); at != std::string_view::npos; at = bytes.find('\n', at + 1)) {
    ++lines;
    if (at > 0 && bytes[at - 1] == '\r') ++windows;
  }
  return windows > 0 && 2 * windows >= lines;
}

}  // namespace

ScriptTarget::ScriptTarget(std::string name, ScriptFiles script) : name_(std::move(name)), script_(std::move(script)) {}

Result<void> ScriptTarget::put_files(Node& node, const BuildTask& task) const {
  for (const ScriptFile& file : effective_files(script_, task.parameters)) {
    NETNS_LAB_TRY(node.put(kHome + file.name, file.mode, file.bytes));
  }
  return {};
}

Result<TargetOutcome> ScriptTarget::run(Node& node, const BuildTask& task, const std::string& file) const {
  const ScriptFile* script = script_.find(file);
  protocol::RunRequest request;
  request.argv = {kHome + file};
  if (script->bytes.rfind("#!", 0) != 0) request.argv.insert(request.argv.begin(), "bash");
  request.environment = task.parameters;
  request.time_limit = task.step_limit;
  request.output_limit = kOutputKept;
  request.daemons = task.topology.daemons;
  NETNS_LAB_ASSIGN(const CommandResult result, node.run(request));
  if (result.end.how == protocol::CommandEnd::How::kNotStarted && is_exhaustion(result.end.code)) {
    Error error = Error::system("start " + file, result.end.code);
    error.detail = result.end.reason;
    return tl::unexpected(std::move(error));
  }
  TargetOutcome outcome = outcome_of(file, result);
  const bool has_ended =
      result.end.how == protocol::CommandEnd::How::kExited || result.end.how == protocol::CommandEnd::How::kNotStarted;
  if (!result.succeeded() && has_ended && has_windows_lines(script->bytes))
    outcome.failure +=
        fmt::format("; its lines end in CR LF, as on Windows, which bash does not read (dos2unix {})", file);
  return outcome;
}

Result<TargetOutcome> ScriptTarget::build(Node& node, const BuildTask& task) {
  NETNS_LAB_TRY(put_files(node, task));
  return run(node, task, script_.setup);
}

Result<TargetOutcome> ScriptTarget::tear_down(Node& node, const BuildTask& task) {
  if (!script_.teardown.empty()) {
    NETNS_LAB_TRY(put_files(node, task));  // it may be another process, or another node, than built it
    return run(node, task, script_.teardown);
  }
  const Result<std::string> deleted = delete_declared(node, task.topology);
  TargetOutcome outcome;
  if (!deleted) {
    // What the kernel refuses is what the target made (a folder under a namespace's name), not the lab's failure.
    const ErrorKind kind = deleted.error().kind;
    if (kind != ErrorKind::kSystem && kind != ErrorKind::kMissing) return tl::unexpected(deleted.error());
    outcome.succeeded = false;
    outcome.failure = visible("there is no teardown.sh, and what the scenario declares cannot be deleted: " +
                              deleted.error().message());
    return outcome;
  }
  outcome.output = "there is no teardown.sh: netns-lab deleted what the scenario declares, " + *deleted;
  return outcome;
}

}  // namespace netns_lab
