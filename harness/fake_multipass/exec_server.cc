// The half of exec_stream.h that is in the virtual machine.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "harness/base/default_signals.h"
#include "harness/fake_multipass/exec_stream.h"

namespace netns_lab::fake_multipass {
namespace {

using Kind = ExecFrame::Kind;

constexpr auto kHome = "/home/ubuntu";
constexpr int kNoSuchCommand = 127;  // POSIX sh
constexpr std::size_t kMostInput = 64u << 10;

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
  static Pipe create() {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) ::_exit(1);
    return {.reader = UniqueFd(ends[0]), .writer = UniqueFd(ends[1])};
  }
};

[[noreturn]] void become(const std::vector<std::string>& words) {
  reset_signals_to_default();
  ::setsid();
  if (::chdir(kHome) != 0) std::fprintf(stderr, "%s: %s\n", kHome, std::strerror(errno));
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv.front(), argv.data());
  std::fprintf(stderr, "%s: %s\n", argv.front(), std::strerror(errno));
  ::_exit(kNoSuchCommand);
}

class Served {
 public:
  Served(ExecStream stream, const std::vector<std::string>& words) : stream_(std::move(stream)) {
    Pipe input = Pipe::create();
    Pipe output = Pipe::create();
    Pipe errors = Pipe::create();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(input.reader.get(), STDIN_FILENO);
      ::dup2(output.writer.get(), STDOUT_FILENO);
      ::dup2(errors.writer.get(), STDERR_FILENO);
      become(words);
    }
    process_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (pid_ < 0 || !process_.valid()) ::_exit(1);
    input_ = std::move(input.writer);
    output_ = std::move(output.reader);
    errors_ = std::move(errors.reader);
    ::fcntl(input_.get(), F_SETFL, O_NONBLOCK);
  }

  // As a remote shell does it: what it started may go on, and is told by its pipes that nobody is there any more.
  void serve() {
    take_frames();  // some may have come with the command
    while (status_ < 0 || output_.valid() || errors_.valid()) {
      const short for_input = to_input_.empty() ? 0 : POLLOUT;
      const bool has_room = stream_.has_room();
      std::array<pollfd, 5> waits = {{{.fd = stream_.fd(), .events = stream_.events(), .revents = 0},
                                      {.fd = input_.get(), .events = for_input, .revents = 0},
                                      {.fd = has_room ? output_.get() : -1, .events = POLLIN, .revents = 0},
                                      {.fd = has_room ? errors_.get() : -1, .events = POLLIN, .revents = 0},
                                      {.fd = status_ < 0 ? process_.get() : -1, .events = POLLIN, .revents = 0}}};
      if (to_input_.size() >= kMostInput) waits[0].events = static_cast<short>(waits[0].events & ~POLLIN);
      if (waits[0].events == 0) waits[0].fd = -1;
      if (::poll(waits.data(), waits.size(), -1) < 0) continue;
      if (waits[1].revents != 0) give_input(waits[1].revents);
      if (waits[2].revents != 0) take(output_, Kind::kOutput);
      if (waits[3].revents != 0) take(errors_, Kind::kErrors);
      if (waits[4].revents != 0) collect();
      if (waits[0].revents != 0 && !hear()) return;
    }
    stream_.send(Kind::kExit, std::string(1, static_cast<char>(status_)));
    stream_.flush();
  }

 private:
  bool hear() {
    const bool goes_on = stream_.work();
    take_frames();
    return goes_on;
  }

  void take_frames() {
    while (const auto frame = stream_.next()) {
      if (frame->kind == Kind::kInput && input_.valid()) to_input_ += frame->payload;
      if (frame->kind == Kind::kInputEnd) input_ends_ = true;
    }
    if (input_ends_ && to_input_.empty()) input_.reset();
  }

  void give_input(short revents) {
    const ssize_t given = ::write(input_.get(), to_input_.data(), to_input_.size());
    if (given > 0) to_input_.erase(0, static_cast<std::size_t>(given));
    const bool nobody_reads = (revents & POLLERR) != 0 || (given < 0 && errno != EAGAIN && errno != EINTR);
    if (nobody_reads) to_input_.clear();
    if (nobody_reads || (input_ends_ && to_input_.empty())) input_.reset();
  }

  void take(UniqueFd& from, Kind kind) {
    std::array<char, 32u << 10> buffer;
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got > 0) stream_.send(kind, {buffer.data(), static_cast<std::size_t>(got)});
    if (got == 0) from.reset();
  }

  void collect() {
    int status = 0;
    if (::waitpid(pid_, &status, 0) != pid_) return;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  ExecStream stream_;
  pid_t pid_ = -1;
  UniqueFd process_;
  UniqueFd input_;
  UniqueFd output_;
  UniqueFd errors_;
  std::string to_input_;
  bool input_ends_ = false;
  int status_ = -1;
};

}  // namespace

void serve_command(UniqueFd socket) {
  ::signal(SIGPIPE, SIG_IGN);
  ExecStream stream(std::move(socket));
  while (true) {
    pollfd wait{.fd = stream.fd(), .events = POLLIN, .revents = 0};
    ::poll(&wait, 1, -1);
    const bool goes_on = stream.work();
    if (const auto frame = stream.next()) {
      const std::vector<std::string> words = split_words(frame->payload);
      if (frame->kind != Kind::kCommand || words.empty()) return;
      Served(std::move(stream), words).serve();
      return;
    }
    if (!goes_on) return;
  }
}

}  // namespace netns_lab::fake_multipass
