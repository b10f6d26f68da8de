#include "harness/process/running_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "harness/base/text.h"
#include "harness/process/keeper.h"
#include "harness/process/launch.h"
#include "harness/process/output_buffer.h"

namespace netns_lab::process {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using Problem = boost::system::error_code;

constexpr std::size_t kMostInputWaiting = 1 << 20;
// After KILL a process is gone in microseconds, unless it is stuck in the kernel: then we stop waiting for it and say
// so.
constexpr std::chrono::seconds kUnkillable{5};

std::string why_not_started(const Command& command, const std::string& program, std::int32_t stage, int system_errno) {
  switch (stage) {
    case KeeperReport::kTerminal:
      return Error::system("make the terminal its controlling one", system_errno).message();
    case KeeperReport::kNamespace:
      return Error::system("enter its network namespace", system_errno).message();
    case KeeperReport::kDirectory:
      return Error::system("enter the folder " + command.working_directory, system_errno).message();
    case KeeperReport::kExecute: {
      const bool there = ::access(program.c_str(), F_OK) == 0;
      std::string detail;
      if (system_errno == ENOENT && there)
        detail = "the file is there, but the interpreter that its #! line names is not";
      if (system_errno == ENOEXEC) detail = "neither a binary for this machine nor a script with a #! line";
      if (system_errno == EACCES && there) detail = "the file is there, but not executable; chmod +x makes it so";
      return Error::system("execute " + program, system_errno, detail).message();
    }
    default:
      return Error::system("fork", system_errno).message();
  }
}

}  // namespace

// Members without a note belong to the I/O thread; `mutex_` guards the rest.
class RunningCommand::State {
 public:
  State(Command command, std::string program)
      : command_(std::move(command)),
        program_(std::move(program)),
        control_(context_),
        streams_{Stream{asio::posix::stream_descriptor(context_)}, Stream{asio::posix::stream_descriptor(context_)}},
        input_(context_),
        limit_timer_(context_),
        kill_timer_(context_),
        give_up_timer_(context_),
        ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        output_(command_.terminal ? ~std::uint64_t{0} : command_.output_limit),
        errors_(command_.output_limit) {}

  ~State() {
    if (!thread_.joinable()) return;
    asio::post(context_, [this] { order(kKillEverything); });
    thread_.join();
  }

  void begin(Launched launched) {
    keeper_ = launched.keeper;
    control_.assign(launched.control.release());
    streams_[0].descriptor.assign(launched.output.release());
    if (launched.errors.valid()) streams_[1].descriptor.assign(launched.errors.release());
    streams_[1].open = !command_.terminal;
    if (launched.input.valid()) input_.assign(launched.input.release());
    input_waiting_ = std::move(command_.standard_input);
    input_ends_ = !command_.terminal && !command_.keep_input_open;
    started_ = Clock::now();
    receive_report();
    receive(streams_[0]);
    if (streams_[1].open) receive(streams_[1]);
    send_input();
    if (command_.time_limit.count() > 0) {
      limit_timer_.expires_at(started_ + command_.time_limit);
      limit_timer_.async_wait([this](const Problem& problem) {
        if (problem || main_ended_) return;
        timed_out_ = true;
        stop();
      });
    }
    // Signals are for the threads that expect them; SIGPIPE, of a command that closed its input, is for nobody.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { context_.run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    std::unique_lock lock(mutex_);
    begun_.wait(lock, [this] { return pid_known_; });
  }

  void end_before_start(std::string reason, int system_errno) {
    CommandEnd end;
    end.how = CommandEnd::How::kNotStarted;
    end.code = system_errno;
    end.reason = std::move(reason);
    publish(std::move(end));
  }

  int pid() const {
    const std::lock_guard lock(mutex_);
    return pid_;
  }
  int ready_fd() const { return ready_.get(); }
  const Command& command() const { return command_; }
  bool has_terminal() const { return command_.terminal.has_value(); }
  std::optional<CommandEnd> end() const {
    const std::lock_guard lock(mutex_);
    return end_;
  }

  Chunk read(std::size_t maximum, Deadline deadline, int interrupt_fd) {
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        Chunk chunk;
        chunk.output = output_.take(maximum);
        chunk.errors = errors_.take(maximum - chunk.output.size());
        chunk.end = end_ && output_.empty() && errors_.empty();
        if (chunk.end) chunk.command = end_;
        if (!end_ && output_.empty() && errors_.empty()) {
          std::uint64_t count = 0;
          [[maybe_unused]] const ssize_t drained = ::read(ready_.get(), &count, sizeof count);
        }
        if (held_up_ && output_.waiting() < command_.output_limit) {
          held_up_ = false;
          asio::post(context_, [this] { receive(streams_[0]); });
        }
        if (chunk.end || !chunk.output.empty() || !chunk.errors.empty() || deadline.passed()) return chunk;
      }
      std::array<pollfd, 2> waits{{{ready_.get(), POLLIN, 0}, {interrupt_fd, POLLIN, 0}}};
      ::poll(waits.data(), waits.size(), deadline.poll_timeout());
      if (waits[1].revents != 0) return {};
    }
  }

  Result<void> write(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    if (end_) return {};
    const std::string attempted = "write to " + to_string(command_);
    if (input_ends_) return tl::unexpected(Error::invalid(attempted, "its input has ended already"));
    if (input_waiting_.size() + bytes.size() > kMostInputWaiting) {
      return tl::unexpected(Error::invalid(attempted, "1 MiB waits for it to be read", "write less at a time"));
    }
    input_waiting_ += bytes;
    asio::post(context_, [this] { send_input(); });
    return {};
  }

  void end_input() {
    const std::lock_guard lock(mutex_);
    if (command_.terminal) {
      input_waiting_ += '\x04';  // VEOF, as Ctrl-D types it (termios(3))
    } else {
      input_ends_ = true;
    }
    asio::post(context_, [this] { send_input(); });
  }

  void resize(TerminalSize size) {
    asio::post(context_, [this, size] {
      winsize window{};
      window.ws_row = size.rows;
      window.ws_col = size.columns;
      if (streams_[0].open) ::ioctl(streams_[0].descriptor.native_handle(), TIOCSWINSZ, &window);
    });
  }

  void post_signal(int number) {
    asio::post(context_, [this, number] { order(static_cast<std::uint8_t>(number)); });
  }
  void post_kill() {
    asio::post(context_, [this] { order(kKillEverything); });
  }
  void post_stop() {
    asio::post(context_, [this] { stop(); });
  }

 private:
  struct Stream {
    asio::posix::stream_descriptor descriptor;
    bool open = true;
  };

  OutputBuffer& buffer_of(const Stream& stream) { return &stream == &streams_[0] ? output_ : errors_; }

  // A byte for the keeper; see keeper.h.
  void order(std::uint8_t what) {
    if (!control_.is_open()) return;
    ::send(control_.native_handle(), &what, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (what != kKillEverything || giving_up_) return;
    giving_up_ = true;
    give_up_timer_.expires_after(kUnkillable);
    give_up_timer_.async_wait([this](const Problem& problem) {
      if (!problem) finish(true);
    });
  }

  void stop() {
    order(SIGTERM);
    kill_timer_.expires_after(command_.stop_grace);
    kill_timer_.async_wait([this](const Problem& problem) {
      if (!problem) order(kKillEverything);
    });
  }

  void receive_report() {
    control_.async_read_some(asio::buffer(&report_, sizeof report_), [this](const Problem& problem, std::size_t size) {
      // The socket's end without kGone: somebody killed the keeper, and the kernel, then, its command
      // (PR_SET_PDEATHSIG).
      if (problem || size != sizeof report_) return finish(true);
      if (report_.kind == KeeperReport::kGone) return finish(report_.value != 0);
      take_report();
      receive_report();
    });
  }

  void take_report() {
    if (report_.kind == KeeperReport::kStarted) {
      const std::lock_guard lock(mutex_);
      pid_ = report_.value;
      pid_known_ = true;
      begun_.notify_all();
    }
    if (report_.kind == KeeperReport::kNotStarted) {
      outcome_.how = CommandEnd::How::kNotStarted;
      outcome_.code = report_.value;
      outcome_.reason = why_not_started(command_, program_, report_.stage, report_.value);
    }
    if (report_.kind == KeeperReport::kLeft && outcome_.descendants.size() < kMostDescendantsNamed) {
      outcome_.descendants.push_back(visible(std::string_view(report_.text)));
    }
    if (report_.kind == KeeperReport::kEnded) {
      main_ended_ = true;
      limit_timer_.cancel();
      outcome_.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_);
      if (outcome_.how == CommandEnd::How::kNotStarted) return;
      const bool signalled = report_.signalled != 0;
      outcome_.how = signalled ? CommandEnd::How::kSignalled : CommandEnd::How::kExited;
      outcome_.code = report_.value;
      if (timed_out_) {
        outcome_.how = CommandEnd::How::kTimedOut;
        outcome_.code = signalled ? report_.value : 0;
      }
    }
  }

  // Nobody is left to print anything: take what is still in the pipes, and tell.
  void finish(bool descendants_left) {
    if (finished_) return;
    finished_ = true;
    if (!main_ended_ && outcome_.how != CommandEnd::How::kNotStarted) {
      outcome_.how = timed_out_ ? CommandEnd::How::kTimedOut : CommandEnd::How::kSignalled;
      outcome_.code = SIGKILL;
      outcome_.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_);
    }
    outcome_.descendants_left = descendants_left;
    Problem ignored;
    control_.close(ignored);
    forget_keeper(keeper_);
    for (Stream& stream : streams_) drain(stream);
    input_.close(ignored);
    publish(std::move(outcome_));
    context_.stop();
  }

  void drain(Stream& stream) {
    if (!stream.open) return;
    const int fd = stream.descriptor.native_handle();
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    for (;;) {
      const ssize_t size = ::read(fd, scratch_.data(), scratch_.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) break;
      keep(stream, static_cast<std::size_t>(size));
    }
    close(stream);
  }

  void receive(Stream& stream) {
    if (!stream.open) return;
    stream.descriptor.async_wait(asio::posix::stream_descriptor::wait_read, [this, &stream](const Problem& problem) {
      if (problem || !stream.open) return;
      const ssize_t size = ::read(stream.descriptor.native_handle(), scratch_.data(), scratch_.size());
      if (size == 0 || (size < 0 && errno != EINTR && errno != EAGAIN))
        return close(stream);  // a terminal ends with EIO
      if (size > 0) keep(stream, static_cast<std::size_t>(size));
      if (command_.terminal) {
        const std::lock_guard lock(mutex_);
        held_up_ = output_.waiting() >= command_.output_limit;
        if (held_up_) return;
      }
      receive(stream);
    });
  }

  void keep(Stream& stream, std::size_t size) {
    const std::lock_guard lock(mutex_);
    buffer_of(stream).append(std::string_view(scratch_.data(), size));
    if (!buffer_of(stream).empty()) make_ready();
  }

  void close(Stream& stream) {
    Problem ignored;
    stream.descriptor.close(ignored);
    stream.open = false;
  }

  // A terminal is written through its master.
  asio::posix::stream_descriptor& input() { return command_.terminal ? streams_[0].descriptor : input_; }

  void send_input() {
    const std::lock_guard lock(mutex_);
    if (sending_ || !input().is_open()) return;
    if (input_waiting_.empty()) {
      Problem ignored;
      if (input_ends_) input_.close(ignored);
      return;
    }
    sending_ = true;
    input_under_way_ = std::exchange(input_waiting_, {});
    asio::async_write(input(), asio::buffer(input_under_way_), [this](const Problem& problem, std::size_t) {
      {
        const std::lock_guard inner(mutex_);
        sending_ = false;
        Problem ignored;
        if (problem && !command_.terminal) input_.close(ignored);  // it reads no more
        if (problem) input_waiting_.clear();
      }
      send_input();
    });
  }

  void publish(CommandEnd end) {
    const std::lock_guard lock(mutex_);
    end.dropped = output_.dropped() + errors_.dropped();
    end_ = std::move(end);
    pid_known_ = true;
    begun_.notify_all();
    make_ready();
  }

  void make_ready() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(ready_.get(), &one, sizeof one);
  }

  Command command_;
  std::string program_;
  asio::io_context context_{1};
  asio::posix::stream_descriptor control_;
  std::array<Stream, 2> streams_;  // output, errors
  asio::posix::stream_descriptor input_;
  asio::steady_timer limit_timer_;
  asio::steady_timer kill_timer_;
  asio::steady_timer give_up_timer_;
  std::array<char, 64 * 1024> scratch_{};
  KeeperReport report_;
  CommandEnd outcome_;
  Clock::time_point started_{};
  pid_t keeper_ = 0;
  bool main_ended_ = false;
  bool timed_out_ = false;
  bool giving_up_ = false;
  bool finished_ = false;
  bool sending_ = false;
  std::string input_under_way_;
  UniqueFd ready_;  // an eventfd: not zero while `read` would not wait

  mutable std::mutex mutex_;
  std::condition_variable begun_;
  OutputBuffer output_;
  OutputBuffer errors_;
  std::string input_waiting_;
  bool input_ends_ = false;
  bool held_up_ = false;
  bool pid_known_ = false;
  int pid_ = 0;
  std::optional<CommandEnd> end_;
  std::thread thread_;
};

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
  if (program.empty()) {
    state->end_before_start(fmt::format("find {}: there is no such program in its PATH", name), ENOENT);
  } else {
    NETNS_LAB_ASSIGN(Launched launched, launch(state->command(), program));
    state->begin(std::move(launched));
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
