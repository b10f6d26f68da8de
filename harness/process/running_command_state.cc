#include "harness/process/running_command_state.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "harness/base/text.h"

namespace netns_lab::process {
namespace {

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
    case KeeperReport::kDescriptors:
      return Error::system("give it its descriptors", system_errno).message();
    case KeeperReport::kDirectory:
      return Error::system("enter the folder " + command.working_directory, system_errno).message();
    case KeeperReport::kExecute: {
      const bool there = ::access(program.c_str(), F_OK) == 0;
      Error error = Error::system("execute " + program, system_errno);
      if (system_errno == ENOENT && there)
        error.remedy = "the file is there, but the interpreter that its #! line names is not";
      if (system_errno == ENOEXEC) error.remedy = "it is neither a binary for this machine nor a script with a #! line";
      if (system_errno == EACCES && there) error.remedy = "the file is there, but not executable; chmod +x makes it so";
      return error.message();
    }
    default:
      return Error::system("fork", system_errno).message();
  }
}

}  // namespace

RunningCommand::State::State(Command command, std::string program)
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

RunningCommand::State::~State() {
  if (!thread_.joinable()) return;
  asio::post(context_, [this] { order(kKillEverything); });
  thread_.join();
}

Result<void> RunningCommand::State::begin(Launched launched) {
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
  // By the I/O thread, which holds signals back: a command may have closed its input already (SIGPIPE).
  asio::post(context_, [this] { send_input(); });
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
  int thread_errno = 0;
  try {
    thread_ = std::thread([this] { context_.run(); });
  } catch (const std::system_error& error) {
    thread_errno = error.code().value();
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (thread_errno != 0) {
    Problem ignored;
    control_.close(ignored);  // the keeper kills the command and ends
    forget_keeper(keeper_);
    return tl::unexpected(Error::system("start " + to_string(command_) + ": its I/O thread", thread_errno));
  }
  std::unique_lock lock(mutex_);
  begun_.wait(lock, [this] { return pid_known_; });
  return {};
}

void RunningCommand::State::end_before_start(std::string reason, int system_errno) {
  CommandEnd end;
  end.how = CommandEnd::How::kNotStarted;
  end.code = system_errno;
  end.reason = std::move(reason);
  publish(std::move(end));
}

int RunningCommand::State::pid() const {
  const std::lock_guard lock(mutex_);
  return pid_;
}

std::optional<CommandEnd> RunningCommand::State::end() const {
  const std::lock_guard lock(mutex_);
  return end_;
}

Chunk RunningCommand::State::read(std::size_t maximum, Deadline deadline, int interrupt_fd) {
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

Result<void> RunningCommand::State::write(std::string_view bytes) {
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

void RunningCommand::State::end_input() {
  const std::lock_guard lock(mutex_);
  if (command_.terminal) {
    input_waiting_ += '\x04';  // VEOF, as Ctrl-D types it (termios(3))
  } else {
    input_ends_ = true;
  }
  asio::post(context_, [this] { send_input(); });
}

void RunningCommand::State::resize(TerminalSize size) {
  asio::post(context_, [this, size] {
    winsize window{};
    window.ws_row = size.rows;
    window.ws_col = size.columns;
    if (streams_[0].open) ::ioctl(streams_[0].descriptor.native_handle(), TIOCSWINSZ, &window);
  });
}

void RunningCommand::State::post_signal(int number) {
  asio::post(context_, [this, number] { order(static_cast<std::uint8_t>(number)); });
}

void RunningCommand::State::post_kill() {
  asio::post(context_, [this] { order(kKillEverything); });
}

void RunningCommand::State::post_stop() {
  asio::post(context_, [this] { stop(); });
}

void RunningCommand::State::order(std::uint8_t what) {
  if (!control_.is_open()) return;
  ::send(control_.native_handle(), &what, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  ::kill(keeper_, SIGCONT);  // its command may have stopped it; ours, and not waited for yet
  if (what != kKillEverything || giving_up_) return;
  giving_up_ = true;
  give_up_timer_.expires_after(kUnkillable);
  give_up_timer_.async_wait([this](const Problem& problem) {
    if (!problem) finish(true);
  });
}

void RunningCommand::State::stop() {
  order(SIGTERM);
  kill_timer_.expires_after(command_.stop_grace);
  kill_timer_.async_wait([this](const Problem& problem) {
    if (!problem) order(kKillEverything);
  });
}

void RunningCommand::State::receive_report() {
  control_.async_read_some(asio::buffer(&report_, sizeof report_), [this](const Problem& problem, std::size_t size) {
    // The socket's end without kGone: somebody killed the keeper, and the kernel, then, its command
    // (PR_SET_PDEATHSIG).
    if (problem || size != sizeof report_) {
      is_unwatched_ = !giving_up_;
      return finish(true);
    }
    if (report_.kind == KeeperReport::kGone) return finish(report_.value != 0);
    take_report();
    receive_report();
  });
}

void RunningCommand::State::take_report() {
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

void RunningCommand::State::finish(bool descendants_left) {
  if (finished_) return;
  finished_ = true;
  if (!main_ended_ && outcome_.how != CommandEnd::How::kNotStarted) {
    outcome_.how = timed_out_      ? CommandEnd::How::kTimedOut
                   : is_unwatched_ ? CommandEnd::How::kUnwatched
                                   : CommandEnd::How::kSignalled;
    outcome_.code = SIGKILL;
    outcome_.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_);
  }
  outcome_.descendants_left = descendants_left;
  Problem ignored;
  control_.close(ignored);
  forget_keeper(keeper_);
  for (Stream& stream : streams_) drain(stream);
  {
    const std::lock_guard lock(mutex_);
    output_.end();
    errors_.end();
  }
  input_.close(ignored);
  publish(std::move(outcome_));
  context_.stop();
}

void RunningCommand::State::drain(Stream& stream) {
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

void RunningCommand::State::receive(Stream& stream) {
  if (!stream.open) return;
  stream.descriptor.async_wait(asio::posix::stream_descriptor::wait_read, [this, &stream](const Problem& problem) {
    if (problem || !stream.open) return;
    const ssize_t size = ::read(stream.descriptor.native_handle(), scratch_.data(), scratch_.size());
    if (size == 0 || (size < 0 && errno != EINTR && errno != EAGAIN)) return close(stream);  // a terminal ends with EIO
    if (size > 0) keep(stream, static_cast<std::size_t>(size));
    if (command_.terminal) {
      const std::lock_guard lock(mutex_);
      held_up_ = output_.waiting() >= command_.output_limit;
      if (held_up_) return;
    }
    receive(stream);
  });
}

void RunningCommand::State::keep(Stream& stream, std::size_t size) {
  const std::lock_guard lock(mutex_);
  buffer_of(stream).append(std::string_view(scratch_.data(), size));
  if (!buffer_of(stream).empty()) make_ready();
}

void RunningCommand::State::close(Stream& stream) {
  Problem ignored;
  stream.descriptor.close(ignored);
  stream.open = false;
}

void RunningCommand::State::send_input() {
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

void RunningCommand::State::publish(CommandEnd end) {
  const std::lock_guard lock(mutex_);
  end.dropped = output_.dropped() + errors_.dropped();
  end_ = std::move(end);
  pid_known_ = true;
  begun_.notify_all();
  make_ready();
}

void RunningCommand::State::make_ready() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(ready_.get(), &one, sizeof one);
}

}  // namespace netns_lab::process
