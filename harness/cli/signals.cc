#include "harness/cli/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "harness/model/verdict.h"

namespace netns_lab::cli {

namespace {

constexpr std::array<int, 3> kEnding = {SIGINT, SIGTERM, SIGHUP};

// A signal handler has nothing but what stands still: whose process it is, and what it says.
std::string& line_of_the_end() {
  static std::string line;
  return line;
}
volatile pid_t owner_of_the_end = 0;

void end_of_signal(int number) {
  if (::getpid() != owner_of_the_end) {  // a child
    ::signal(number, SIG_DFL);
    ::raise(number);
    return;
  }
  const std::string& line = line_of_the_end();
  static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
  ::_exit(static_cast<int>(ExitStatus::kInterrupted));
}

void say_at_the_end(std::string line) {
  sigset_t ending;
  sigset_t before;
  sigemptyset(&ending);
  for (const int number : kEnding) sigaddset(&ending, number);
  ::sigprocmask(SIG_BLOCK, &ending, &before);  // it must not be read while it is written
  line_of_the_end() = std::move(line);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

EndOnSignal::EndOnSignal(const std::string& line) : outer_line_(line_of_the_end()) {
  say_at_the_end("netns-lab: " + line + "\n");
  owner_of_the_end = ::getpid();
  struct sigaction end {};
  end.sa_handler = &end_of_signal;
  for (std::size_t i = 0; i < kEnding.size(); ++i) {
    ::sigaction(kEnding[i], nullptr, &previous_[i]);
    // nohup(1), and a shell's background jobs: who ignores it goes on doing so.
    if (previous_[i].sa_handler != SIG_IGN) ::sigaction(kEnding[i], &end, nullptr);
  }
}

EndOnSignal::~EndOnSignal() {
  for (std::size_t i = 0; i < kEnding.size(); ++i) ::sigaction(kEnding[i], &previous_[i], nullptr);
  say_at_the_end(std::move(outer_line_));
}

SignalWatch::SignalWatch(std::initializer_list<int> numbers) {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int number : numbers) sigaddset(&watched, number);
  ::sigprocmask(SIG_BLOCK, &watched, &previous_);
  fd_.reset(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
}

SignalWatch::~SignalWatch() {
  static_cast<void>(take());  // what arrived and was not taken must not strike when the mask opens
  ::sigprocmask(SIG_SETMASK, &previous_, nullptr);
}

std::vector<int> SignalWatch::take() const {
  std::vector<int> numbers;
  signalfd_siginfo information{};
  while (::read(fd_.get(), &information, sizeof information) == static_cast<ssize_t>(sizeof information)) {
    numbers.push_back(static_cast<int>(information.ssi_signo));
  }
  return numbers;
}

void SignalWatch::release_in_child() const { ::sigprocmask(SIG_SETMASK, &previous_, nullptr); }

IgnoreBrokenPipes::IgnoreBrokenPipes() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &previous_);
}

IgnoreBrokenPipes::~IgnoreBrokenPipes() { ::sigaction(SIGPIPE, &previous_, nullptr); }

}  // namespace netns_lab::cli
