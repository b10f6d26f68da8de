// Signals as something to poll for, while this value lives: the mask is put back when it goes.
//
//   const SignalWatch watch({SIGINT, SIGTERM, SIGCHLD});
//   poll(watch.fd()); for (int number : watch.take()) …
//   in a forked child: watch.release_in_child();
#pragma once

#include <array>
#include <csignal>
#include <initializer_list>
#include <string>
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

// SIGINT, SIGTERM and SIGHUP end this process at once, with one line on standard error and status 130, while it lives
// and no SignalWatch does. For commands that have nothing to put in order: what they made ends with them, or stays by
// design, which the line then tells. Processes that are forked off are not meant: there the signals do what they always
// do. One inside another says its own line.
class EndOnSignal {
 public:
  explicit EndOnSignal(const std::string& line);  // without "netns-lab: " and the line's end
  EndOnSignal(const EndOnSignal&) = delete;
  EndOnSignal& operator=(const EndOnSignal&) = delete;
  ~EndOnSignal();

 private:
  std::string outer_line_;
  std::array<struct sigaction, 3> previous_{};
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
