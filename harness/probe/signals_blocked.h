// A new thread inherits the signal mask of its creator. Ours want no signals: those are the process's affair.
#pragma once

#include <signal.h>

namespace netns_lab::probe {

// All signals are blocked in this thread while it lives: create threads in its scope.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace netns_lab::probe
