#include "harness/base/default_signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

namespace netns_lab {
namespace {

// Bit N - 1 stands for signal N (proc(5), SigIgn).
unsigned long long mask_of_self(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(name + ":", 0) == 0) return std::stoull(line.substr(name.size() + 1), nullptr, 16);
  }
  return ~0ULL;
}

// As posix_spawn(3) of glibc leaves it: by system call, as sigaction(3) refuses these two.
void ignore(int number) {
  std::array<unsigned long, 16> action{1};  // sa_handler: SIG_IGN
  ::syscall(SYS_rt_sigaction, number, action.data(), nullptr, 8);
}

TEST(DefaultSignals, NothingStaysIgnoredOrBlocked) {
  const pid_t child = ::fork();
  if (child == 0) {
    ignore(SIGHUP);
    ignore(32);
    ignore(33);
    ignore(SIGRTMAX);
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    const bool arranged = (mask_of_self("SigIgn") >> 31 & 3) == 3;
    reset_signals_to_default();
    ::_exit(!arranged ? 2 : mask_of_self("SigIgn") != 0 || mask_of_self("SigBlk") != 0 ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "2: the signals could not be ignored; 1: some are still ignored or blocked";
}

}  // namespace
}  // namespace netns_lab
