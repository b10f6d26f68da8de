#include "harness/node/command_handles.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "harness/base/unique_fd.h"
#include "harness/process/running_command.h"

namespace netns_lab::node {
namespace {

constexpr auto kHome = "/home/ubuntu";

protocol::CommandEnd to_protocol(process::CommandEnd end) {
  protocol::CommandEnd out;
  switch (end.how) {
    case process::CommandEnd::How::kExited:
      out.how = protocol::CommandEnd::How::kExited;
      break;
    case process::CommandEnd::How::kSignalled:
      out.how = protocol::CommandEnd::How::kSignalled;
      break;
    case process::CommandEnd::How::kTimedOut:
      out.how = protocol::CommandEnd::How::kTimedOut;
      break;
    case process::CommandEnd::How::kUnwatched:  // told as an error
    case process::CommandEnd::How::kNotStarted:
      out.how = protocol::CommandEnd::How::kNotStarted;
      break;
  }
  out.code = end.code;
  out.reason = std::move(end.reason);
  out.dropped = end.dropped;
  out.descendants_left = end.descendants_left;
  out.descendants = std::move(end.descendants);
  out.duration = end.duration;
  return out;
}

bool is_folder(const char* path) {
  struct stat status {};
  return ::stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

class CommandHandle final : public HandleObject {
 public:
  explicit CommandHandle(process::RunningCommand command) : command_(std::move(command)) {}

  Result<Taken> read(std::uint32_t maximum, Deadline wait, const Cancellation& cancellation) override {
    process::Chunk chunk = command_.read(maximum, wait, cancellation.fd());
    const bool nothing = chunk.output.empty() && chunk.errors.empty() && !chunk.end;
    if (nothing && cancellation.requested()) return tl::unexpected(Error::cancelled("read a command's output"));
    if (chunk.command && chunk.command->how == process::CommandEnd::How::kUnwatched) {
      return tl::unexpected(Error::lost("watch over a command", "the process that did it was killed"));
    }
    Taken taken;
    taken.reply.output_bytes = chunk.output.size();
    taken.reply.error_bytes = chunk.errors.size();
    taken.reply.end = chunk.end;
    if (chunk.command) taken.reply.command = to_protocol(*std::move(chunk.command));
    taken.bytes = std::move(chunk.output);
    taken.bytes += chunk.errors;
    return taken;
  }

  Result<void> write(const protocol::WriteRequest& request, std::string_view bytes, Deadline /*deadline*/,
                     const Cancellation& /*cancellation*/) override {
    if (request.rows.has_value() != request.columns.has_value()) {
      return tl::unexpected(Error::invalid("resize a command's terminal", "rows and columns are set together"));
    }
    if (request.rows) NETNS_LAB_TRY(command_.resize({*request.rows, *request.columns}));
    if (request.signal) NETNS_LAB_TRY(command_.signal(*request.signal));
    if (!bytes.empty()) NETNS_LAB_TRY(command_.write(bytes));
    if (request.end) command_.end_input();
    return {};
  }

  // The command is killed with all it started, which takes no time worth a deadline.
  Result<void> close(Deadline /*deadline*/) override {
    command_.kill();
    return {};
  }

 private:
  process::RunningCommand command_;
};

Result<UniqueFd> open_namespace(const std::string& name, const std::string& folder) {
  const std::string attempted = "run a command in network namespace " + name;
  if (name.find('/') != std::string::npos || name == "." || name == "..") {
    return tl::unexpected(Error::invalid(attempted, "that is not a namespace's name"));
  }
  UniqueFd fd(::open((folder + "/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return tl::unexpected(Error::system(attempted, errno, "open " + folder + "/" + name));
  return fd;
}

}  // namespace

std::map<std::string, std::string> base_environment(bool terminal) {
  std::map<std::string, std::string> environment = {
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"HOME", kHome},
      {"USER", "root"},
      {"LOGNAME", "root"},
      {"SHELL", "/bin/bash"},
      {"LANG", "C.UTF-8"},
      {"PYTHONDONTWRITEBYTECODE", "1"},  // what Python leaves beside a script's modules is nobody's intention
  };
  if (terminal) environment["TERM"] = "xterm-256color";
  return environment;
}

Result<std::unique_ptr<HandleObject>> start_command(const protocol::RunRequest& request,
                                                    const std::string& namespace_directory) {
  if (request.terminal && !request.standard_input.empty()) {
    return tl::unexpected(
        Error::invalid("run a command on a terminal", "its input is typed (write), not given at once"));
  }
  process::Command command;
  command.argv = request.argv;
  command.environment = base_environment(request.terminal);
  for (const auto& [name, value] : request.environment) command.environment[name] = value;
  command.working_directory = request.working_directory;
  if (command.working_directory.empty()) command.working_directory = is_folder(kHome) ? kHome : "/";
  command.environment.emplace("PWD", command.working_directory);
  command.standard_input = request.standard_input;
  if (request.terminal) command.terminal = process::TerminalSize{request.rows, request.columns};
  command.time_limit = request.time_limit;
  command.output_limit = request.output_limit;
  command.keep_input_open = request.keep_input_open;
  command.daemons = request.daemons;
  UniqueFd network_namespace;
  if (!request.network_namespace.empty()) {
    NETNS_LAB_ASSIGN(network_namespace, open_namespace(request.network_namespace, namespace_directory));
    command.network_namespace_fd = network_namespace.get();
  }
  NETNS_LAB_ASSIGN(process::RunningCommand running, process::RunningCommand::start(std::move(command)));
  return std::make_unique<CommandHandle>(std::move(running));
}

}  // namespace netns_lab::node
