#include "harness/cli/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>

#include "harness/cli/exit_status.h"
#include "harness/cli/signals.h"

namespace netns_lab::cli {
namespace {

using std::chrono::milliseconds;

// How long the node is asked to wait for output before the keyboard is looked at again. A session is one conversation:
// while the node waits, nothing can be typed.
constexpr milliseconds kTypingPause{10};
constexpr milliseconds kIdlePause{40};
constexpr std::size_t kTypedAtOnce = 32 * 1024;

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool is_readable(int fd) {
  pollfd polled{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&polled, 1, 0) > 0 && polled.revents != 0;
}

int status_of(const protocol::CommandEnd& end) {
  using How = protocol::CommandEnd::How;
  switch (end.how) {
    case How::kExited:
      return end.code;
    case How::kSignalled:
    case How::kTimedOut:
      return 128 + end.code;
    case How::kNotStarted:
      return 127;  // as a shell says of a command it cannot find
  }
  return 1;
}

// What is typed goes to the command; false: our input has ended.
Result<bool> pass_input(Node& node, protocol::Handle handle) {
  std::string typed(kTypedAtOnce, '\0');
  const ssize_t got = ::read(STDIN_FILENO, typed.data(), typed.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  typed.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  protocol::WriteRequest write;
  write.handle = handle;
  write.end = typed.empty();
  NETNS_LAB_TRY(node.write(write, typed));
  return !typed.empty();
}

Result<void> pass_signals(Node& node, protocol::Handle handle, const SignalWatch& signals) {
  for (const int number : signals.take()) {
    protocol::WriteRequest write;
    write.handle = handle;
    if (number == SIGWINCH) {
      winsize size{};
      if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) continue;
      write.rows = size.ws_row;
      write.columns = size.ws_col;
    } else {
      write.signal = number;
    }
    NETNS_LAB_TRY(node.write(write, ""));
  }
  return {};
}

}  // namespace

RawTerminal::RawTerminal(int fd) : fd_(fd) {
  termios now{};
  if (::tcgetattr(fd, &now) != 0) return;
  previous_ = now;
  ::cfmakeraw(&now);
  ::tcsetattr(fd, TCSADRAIN, &now);
}

RawTerminal::~RawTerminal() {
  if (previous_) ::tcsetattr(fd_, TCSADRAIN, &*previous_);
}

bool on_terminal() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1; }

Result<int> run_attached(Node& node, protocol::RunRequest request) {
  const SignalWatch signals{SIGWINCH, SIGINT, SIGTERM, SIGHUP};
  const IgnoreBrokenPipes pipes;
  std::optional<RawTerminal> raw;
  if (request.terminal) {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) {
      request.rows = size.ws_row;
      request.columns = size.ws_col;
    }
    raw.emplace(STDIN_FILENO);
  } else {
    request.keep_input_open = true;
  }
  NETNS_LAB_ASSIGN(const protocol::Handle handle, node.start(request));
  bool has_input = true;
  bool is_idle = false;
  while (true) {
    NETNS_LAB_TRY(pass_signals(node, handle, signals));
    if (has_input && is_readable(STDIN_FILENO)) {
      auto more = pass_input(node, handle);
      // What has stopped reading, or has ended, takes no input: how it ended is told by the next read.
      if (!more && more.error().kind != ErrorKind::kInvalid) return tl::unexpected(std::move(more).error());
      has_input = more.value_or(false);
      is_idle = false;
    }
    protocol::ReadRequest read;
    read.handle = handle;
    read.wait = is_idle ? kIdlePause : kTypingPause;
    NETNS_LAB_ASSIGN(const Node::Chunk chunk, node.read(read));
    is_idle = chunk.output.empty() && chunk.errors.empty();
    if (!write_all(STDOUT_FILENO, chunk.output) || !write_all(STDERR_FILENO, chunk.errors)) {
      NETNS_LAB_TRY(node.close(handle));
      return 128 + SIGPIPE;  // nobody reads what it prints
    }
    if (!chunk.reply.end) continue;
    const protocol::CommandEnd end = chunk.reply.command.value_or(protocol::CommandEnd{});
    raw.reset();
    if (end.dropped > 0) complain(ExitStatus::kConformant, fmt::format("{} bytes of output were dropped", end.dropped));
    if (end.how == protocol::CommandEnd::How::kNotStarted) complain(ExitStatus::kUsage, end.reason);
    static_cast<void>(node.close(handle));  // it has ended: nothing is left to close badly
    return status_of(end);
  }
}

}  // namespace netns_lab::cli
