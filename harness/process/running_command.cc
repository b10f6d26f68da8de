#include "harness/process/running_command.h"

#include <fmt/format.h>
#include <signal.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "harness/process/launch.h"
#include "harness/process/running_command_state.h"

namespace netns_lab::process {

RunningCommand::RunningCommand(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunningCommand::RunningCommand(RunningCommand&&) noexcept = default;
RunningCommand& RunningCommand::operator=(RunningCommand&&) noexcept = default;
RunningCommand::~RunningCommand() = default;

Result<RunningCommand> RunningCommand::start(Command command) {
  if (command.argv.empty())
    return tl::unexpected(Error::invalid("start a command", "there is no program to start: argv is empty"));
  const auto holds_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  for (const std::string& word : command.argv) {
    if (holds_nul(word))
      return tl::unexpected(Error::invalid("start " + to_string(command), "an argument holds a NUL byte"));
  }
  for (const auto& [name, value] : command.environment) {
    if (name.empty() || name.find('=') != std::string::npos || holds_nul(name) || holds_nul(value)) {
      return tl::unexpected(
          Error::invalid("start " + to_string(command),
                         "an environment variable cannot be called \"" + name + "\", or holds a NUL byte"));
    }
  }
  const std::string program = find_program(command);
  const std::string name = command.argv.front();
  auto state = std::make_unique<State>(std::move(command), program);
  if (state->ready_fd() < 0) return tl::unexpected(Error::system("start " + name + ": open an eventfd", errno));
  if (program.empty()) {
    state->end_before_start(fmt::format("find {}: there is no such program in its PATH", name), ENOENT);
  } else {
    NETNS_LAB_ASSIGN(Launched launched, launch(state->command(), program));
    NETNS_LAB_TRY(state->begin(std::move(launched)));
  }
  return RunningCommand(std::move(state));
}

int RunningCommand::pid() const { return state_->pid(); }
Chunk RunningCommand::read(std::size_t maximum, Deadline deadline, int interrupt_fd) {
  return state_->read(maximum, deadline, interrupt_fd);
}
int RunningCommand::ready_fd() const { return state_->ready_fd(); }
Result<void> RunningCommand::write(std::string_view bytes) { return state_->write(bytes); }
void RunningCommand::end_input() { state_->end_input(); }

Result<void> RunningCommand::resize(TerminalSize size) {
  if (!state_->has_terminal()) return tl::unexpected(Error::invalid("resize the terminal", "the command has none"));
  state_->resize(size);
  return {};
}

Result<void> RunningCommand::signal(int number) {
  if (number < 1 || number > SIGRTMAX) {
    return tl::unexpected(
        Error::invalid(fmt::format("signal {}", number), fmt::format("signals are 1 to {}", SIGRTMAX)));
  }
  state_->post_signal(number);
  return {};
}

void RunningCommand::stop() { state_->post_stop(); }
void RunningCommand::kill() { state_->post_kill(); }
std::optional<CommandEnd> RunningCommand::end() const { return state_->end(); }

Result<CommandOutcome> run_to_end(Command command) {
  NETNS_LAB_ASSIGN(RunningCommand running, RunningCommand::start(std::move(command)));
  CommandOutcome outcome;
  for (;;) {
    Chunk chunk = running.read(1 << 20, Deadline::never());
    outcome.output += chunk.output;
    outcome.errors += chunk.errors;
    if (chunk.end) {
      outcome.end = *std::move(chunk.command);
      return outcome;
    }
  }
}

}  // namespace netns_lab::process
