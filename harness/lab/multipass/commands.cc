#include "harness/lab/multipass/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "harness/base/text.h"

namespace netns_lab::multipass {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr auto kProgram = "multipass";
constexpr std::string_view kStatusWord = "netns-lab-guest-status ";
// The first argument is the script's own name.
constexpr auto kTellStatus = R"("$@"; printf '\nnetns-lab-guest-status %d\n' "$?")";
constexpr std::size_t kLongestName = 63;  // RFC 1123: it becomes a host name

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Result<void> check_instance_name(const std::string& name) {
  const bool known_letters =
      std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
  if (known_letters && !name.empty() && name.size() <= kLongestName && is_letter(name.front()) && name.back() != '-') {
    return {};
  }
  return tl::unexpected(Error::invalid(
      fmt::format("--name {}", visible(name, 80)),
      "the name of a multipass instance is letters, digits and hyphens, a letter first, no hyphen last, 63 at most"));
}

process::Command Caller::command(std::vector<std::string> arguments, milliseconds limit,
                                 std::string standard_input) const {
  process::Command command;
  command.argv = {kProgram};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.environment = environment;
  // It maps the working folder into the instance where that is mounted there.
  command.working_directory = "/";
  command.standard_input = std::move(standard_input);
  command.time_limit = limit;
  if (!deadline.is_never()) {
    const auto left = std::max(duration_cast<milliseconds>(deadline.left()), milliseconds(1));
    command.time_limit = std::min(limit, left);
  }
  return command;
}

std::vector<std::string> launch_arguments(const InstanceSpec& spec, MemoryOption option, std::chrono::seconds limit) {
  std::vector<std::string> arguments = {
      "launch",    spec.image, "--name",  spec.name,   option == MemoryOption::kMemory ? "--memory" : "--mem",
      spec.memory, "--disk",   spec.disk, "--timeout", std::to_string(limit.count())};
  if (spec.processors > 0) {
    arguments.emplace_back("--cpus");
    arguments.push_back(std::to_string(spec.processors));
  }
  if (!spec.cloud_init.empty()) {
    arguments.emplace_back("--cloud-init");
    arguments.emplace_back("-");
  }
  return arguments;
}

bool is_unknown_option(std::string_view option, std::string_view said) {
  // "Unknown option 'memory'.", "Unknown options: memory."
  const std::size_t at = said.find("nknown option");
  return at != std::string_view::npos && said.find(option, at) != std::string_view::npos;
}

std::vector<std::string> info_arguments(const std::string& name) { return {"info", name, "--format", "json"}; }

std::vector<std::string> version_arguments() { return {"version", "--format", "json"}; }

std::vector<std::string> exec_arguments(const std::string& name, const std::vector<std::string>& argv) {
  std::vector<std::string> told = {"sh", "-c", kTellStatus, "netns-lab"};
  told.insert(told.end(), argv.begin(), argv.end());
  return stream_arguments(name, told);
}

std::vector<std::string> stream_arguments(const std::string& name, const std::vector<std::string>& argv) {
  std::vector<std::string> arguments = {"exec", name, "--"};
  arguments.insert(arguments.end(), argv.begin(), argv.end());
  return arguments;
}

std::optional<GuestOutcome> parse_guest_output(std::string_view output) {
  if (output.empty() || output.back() != '\n') return std::nullopt;
  output.remove_suffix(1);
  const std::size_t line = output.rfind('\n');
  if (line == std::string_view::npos) return std::nullopt;
  const std::string_view last = output.substr(line + 1);
  if (!last.starts_with(kStatusWord)) return std::nullopt;
  const std::string_view number = last.substr(kStatusWord.size());
  GuestOutcome outcome;
  const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), outcome.status);
  if (problem != std::errc() || end != number.data() + number.size() || outcome.status < 0 || outcome.status > 255) {
    return std::nullopt;
  }
  outcome.output = std::string(output.substr(0, line));
  return outcome;
}

}  // namespace netns_lab::multipass
