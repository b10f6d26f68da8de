#include "harness/lab/multipass/connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "harness/base/text.h"

namespace netns_lab::multipass {
namespace {

// The command's descriptors 3 and 4 as its standard input and output. Constant; the command are its arguments.
constexpr auto kCarry = R"(exec "$@" <&3 >&4 3<&- 4>&-)";
constexpr std::size_t kKept = 4096;  // bytes of what it printed
constexpr auto kAttempted = "serve labs in the instance";

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
  static Result<Pipe> create() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return tl::unexpected(Error::system("make a pipe", errno));
    return Pipe{.reader = UniqueFd(ends[0]), .writer = UniqueFd(ends[1])};
  }
};

}  // namespace

Result<Connection> Connection::open(process::Command command, const std::string& greeting, Deadline deadline,
                                    std::span<const int> interrupts) {
  NETNS_LAB_ASSIGN(Pipe in, Pipe::create());
  NETNS_LAB_ASSIGN(Pipe out, Pipe::create());
  std::string typed = to_string(command);
  std::vector<std::string> argv = {"/bin/sh", "-c", kCarry, "netns-lab"};
  argv.insert(argv.end(), command.argv.begin(), command.argv.end());
  command.argv = std::move(argv);
  command.descriptors = {in.reader.get(), out.writer.get()};
  NETNS_LAB_ASSIGN(process::RunningCommand running, process::RunningCommand::start(std::move(command)));
  Connection connection(std::move(running), std::move(typed),
                        std::make_unique<protocol::ChannelTrunk>(std::move(out.reader), std::move(in.writer),
                                                                 protocol::ChannelTrunk::Side::kOpens));
  in.reader.reset();
  out.writer.reset();
  NETNS_LAB_TRY(connection.await_greeting(greeting, deadline, interrupts));
  return connection;
}

Result<void> Connection::await_greeting(const std::string& greeting, Deadline deadline,
                                        std::span<const int> interrupts) {
  while (!trunk_->greeting()) {
    std::vector<pollfd> waits = {{.fd = ready_fd(), .events = POLLIN, .revents = 0}};
    for (const int fd : interrupts) waits.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    trunk_->watch(waits);
    const int ready = ::poll(waits.data(), waits.size(), deadline.poll_timeout());
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return tl::unexpected(Error::system(kAttempted, errno));
    for (std::size_t i = 1; i <= interrupts.size(); ++i) {
      if (waits[i].revents != 0) return tl::unexpected(Error::cancelled(kAttempted));
    }
    if (ready == 0) {
      Error error = Error::timeout(kAttempted, fmt::format("`{}` has not said hello{}", typed_, what_it_said()));
      error.remedy = "look at the instance: multipass list";
      return tl::unexpected(std::move(error));
    }
    const auto worked = trunk_->work(waits);
    if (trunk_->greeting()) break;
    if (!worked && worked.error().kind != ErrorKind::kLost) {
      Error error = worked.error();
      error.detail = fmt::format("`{}` printed what is no greeting of ours: {}", typed_, error.detail);
      return tl::unexpected(std::move(error));
    }
    if (!worked || waits.front().revents != 0) {
      // Its output ends just before it does.
      const Deadline patience = Deadline::after(std::chrono::seconds(5)).sooner_of(deadline);
      pollfd end{.fd = ready_fd(), .events = POLLIN, .revents = 0};
      while (!worked && !has_ended() && !patience.passed()) ::poll(&end, 1, patience.poll_timeout());
      if (!worked || has_ended()) return tl::unexpected(why_ended());
    }
  }
  if (trunk_->greeting() == greeting) return {};
  return tl::unexpected(Error::internal(kAttempted, "another build of netns-lab runs in it"));
}

bool Connection::has_ended() {
  const process::Chunk chunk = command_.read(64 << 10, Deadline::passed_already());
  std::fwrite(chunk.errors.data(), 1, chunk.errors.size(), stderr);
  printed_ += chunk.output + chunk.errors;
  if (printed_.size() > kKept) printed_.erase(0, printed_.size() - kKept);
  return chunk.end;
}

std::string Connection::what_it_said() const {
  return printed_.empty() ? ", and printed nothing" : ", and printed: " + visible_line(visible(printed_, kKept));
}

Error Connection::why_ended() const {
  const auto end = command_.end();
  Error error = Error::lost(
      kAttempted,
      fmt::format("`{}` {}{}", typed_, end ? to_string(*end) : "let go of its output, and runs on", what_it_said()));
  error.remedy = "look at the instance: multipass list";
  return error;
}

}  // namespace netns_lab::multipass
