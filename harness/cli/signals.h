// Signals as something to poll for, while this value lives: the mask is put back when it goes.
//
//   const SignalWatch watch({SIGINT, SIGTERM, SIGCHLD});
//   poll(watch.fd()); for (int number : watch.take()) …
//   in a forked child: watch.release_in_child();
#pragma once

#include <csignal>
#include <initializer_list>
#include <vector>

#include "harness/base/unique_fd.h"

namespace netns_lab::cli {

class SignalWatch {
 public:
  explicit SignalWatch(std::initializer_list<int> numbers);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

  int fd() const { return fd_.get(); }
  std::vector<int> take() const;  // the numbers that have arrived; never waits
  void release_in_child() const;  // the mask as it was before, for a process that is forked off

 private:
  sigset_t previous_{};
  UniqueFd fd_;
};

// SIGPIPE is ignored while it lives: a write to a closed pipe is an EPIPE.
class IgnoreBrokenPipes {
 public:
  IgnoreBrokenPipes();
  IgnoreBrokenPipes(const IgnoreBrokenPipes&) = delete;
  IgnoreBrokenPipes& operator=(const IgnoreBrokenPipes&) = delete;
  ~IgnoreBrokenPipes();

 private:
  struct sigaction previous_ {};
};

}  // namespace netns_lab::cli
