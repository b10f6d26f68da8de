// The stand-in of sandbox_fake_agent.h; a _test.cc so that it is part of the test binary only.
#include "harness/node/sandbox_fake_agent.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "harness/base/text.h"
#include "harness/node/agent_state.h"
#include "harness/node/device_manager.h"
#include "harness/node/journal.h"
#include "harness/node/leftovers.h"

namespace netns_lab::node::test {
namespace {

bool send_all(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t length = ::send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return false;
    done += static_cast<std::size_t>(length);
  }
  return true;
}

// Up to and with `end`; "" when the stream ends first.
std::string read_until(int fd, char end) {
  std::string text;
  char byte = 0;
  while (true) {
    const ssize_t length = ::recv(fd, &byte, 1, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return "";
    text += byte;
    if (byte == end) return text;
  }
}

std::string describe(const AgentContext& context) {
  std::string text = fmt::format("provider {}\nnode {}\nhost {}\nuplink {}\n", context.provider, context.node,
                                 context.host_name, context.uplink);
  for (const Prefix& prefix : context.uplink_addresses) text += "address " + prefix.to_string() + "\n";
  for (const IpAddress& address : context.outside_addresses) text += "outside " + address.to_string() + "\n";
  for (const std::string& lost : context.lost) text += "lost " + lost + "\n";
  return text;
}

std::map<pid_t, pid_t> parents() {
  std::map<pid_t, pid_t> found;
  DIR* proc = ::opendir("/proc");
  while (const dirent* item = ::readdir(proc)) {
    const int pid = std::atoi(item->d_name);
    // Not a stream: a process that ends while it is read (ESRCH) would make it throw.
    const UniqueFd file(::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 512> part{};
    const ssize_t length = file.valid() ? ::read(file.get(), part.data(), part.size()) : -1;
    const std::string text(part.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    const std::size_t end = text.rfind(')');
    if (pid > 0 && end != std::string::npos) found[pid] = std::atoi(text.c_str() + end + 4);
  }
  ::closedir(proc);
  return found;
}

// What a shell does with it, both outputs as one: these tests say what they want of a node as one would type it there.
Answer typed(const std::string& command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {.output = "", .status = 127};
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t shell = ::fork();
  if (shell == 0) {
    ::dup2(writer.get(), 1);
    ::dup2(writer.get(), 2);
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  writer.reset();
  Answer answer;
  char part[4096];
  for (ssize_t length = 0; (length = ::read(reader.get(), part, sizeof part)) > 0 || (length < 0 && errno == EINTR);) {
    if (length > 0) answer.output.append(part, static_cast<std::size_t>(length));
  }
  int ended = 0;
  while (::waitpid(shell, &ended, 0) < 0 && errno == EINTR) {
  }
  answer.status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
  return answer;
}

}  // namespace

int serve_shell(const AgentContext& context, UniqueFd stream) {
  NodeOrigin origin(context);
  origin.note();
  while (true) {
    std::string command = read_until(stream.get(), '\n');
    if (command.empty()) return 0;
    if (command == "shutdown\n") return 9;
    std::string output;
    int status = 0;
    if (command == "context\n") {
      output = describe(context);
    } else if (command.rfind("journal-link ", 0) == 0) {
      auto journal = Journal::open(context.journal);
      const auto noted = journal ? journal->before_link(command.substr(13, command.size() - 14))
                                 : Result<void>(tl::unexpected(journal.error()));
      output = noted ? "noted" : noted.error().message();
    } else if (command == "leftovers\n") {
      auto found = list_leftovers(context);
      if (found) {
        for (auto& changed : origin.changed_set_up_files()) found->push_back(std::move(changed));
      }
      output = found ? join(*found, "\n") : found.error().message();
    } else if (command == "device-database\n") {
      const std::string database = device_database(context);
      output = database.empty() ? "none" : ::access(database.c_str(), R_OK | X_OK) == 0 ? "there" : database;
    } else if (command == "mounts\n") {
      const auto look = origin.mounts();
      output = look ? join(look->changes, "\n") : look.error().message();
    } else {
      command.pop_back();
      Answer answer = typed(command);
      output = std::move(answer.output);
      status = answer.status;
    }
    if (!send_all(stream.get(), fmt::format("{}\n[{}]", output, status) + '\0')) return 0;
  }
}

int serve_shell_listener(const AgentContext& context, UniqueFd listener) {
  while (true) {
    UniqueFd session(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!session.valid()) return 1;
    if (serve_shell(context, std::move(session)) == 9) return 0;
  }
}

Answer ask(const UniqueFd& stream, const std::string& command) {
  if (!send_all(stream.get(), command + "\n")) return {};
  std::string text = read_until(stream.get(), '\0');
  const std::size_t mark = text.rfind("\n[");
  if (text.empty() || mark == std::string::npos) return {};
  Answer answer{.output = text.substr(0, mark), .status = std::atoi(text.c_str() + mark + 2)};
  while (!answer.output.empty() && answer.output.back() == '\n') answer.output.pop_back();
  return answer;
}

bool ends_by(const UniqueFd& stream, Deadline deadline) {
  pollfd waiting{.fd = stream.get(), .events = POLLIN, .revents = 0};
  char byte = 0;
  return ::poll(&waiting, 1, deadline.poll_timeout()) == 1 &&
         ::recv(stream.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) <= 0;
}

std::string machine(const std::string& command) {
  std::string output = typed(command).output;
  while (!output.empty() && output.back() == '\n') output.pop_back();
  return output;
}

std::set<pid_t> descendants() {
  const auto all = parents();
  std::set<pid_t> found;
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& [pid, parent] : all) {
      if (parent == ::getpid() || found.count(parent) != 0) grown = found.insert(pid).second || grown;
    }
  }
  return found;
}

std::set<pid_t> left_by(Deadline deadline) {
  while (!descendants().empty() && !deadline.passed()) {
    if (::waitpid(-1, nullptr, WNOHANG) <= 0) ::poll(nullptr, 0, 1);
  }
  return descendants();
}

}  // namespace netns_lab::node::test
