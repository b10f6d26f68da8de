#include "harness/base/default_signals.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace netns_lab {

void reset_signals_to_default() {
  // By system call: sigaction(3) refuses the two signals that glibc keeps for itself (32 and 33), which its own
  // posix_spawn(3) leaves ignored in what it starts (make, for one), for ever after. All zeroes are a struct
  // kernel_sigaction with SIG_DFL on every architecture; none is larger.
  constexpr std::array<unsigned long, 16> kByDefault{};
  constexpr int kSignals = 64;              // _NSIG of the kernel
  constexpr int kMaskBytes = kSignals / 8;  // sizeof(sigset_t) of the kernel
  for (int number = 1; number <= kSignals; ++number)
    ::syscall(SYS_rt_sigaction, number, kByDefault.data(), nullptr, kMaskBytes);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace netns_lab
