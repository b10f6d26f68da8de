#include "harness/cli/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

namespace netns_lab::cli {

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
