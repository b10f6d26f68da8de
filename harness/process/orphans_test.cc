#include "harness/process/orphans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "harness/base/deadline.h"
#include "harness/process/children.h"

namespace netns_lab::process {
namespace {

using ::testing::Contains;
using ::testing::Not;

// A child that has ended and waits to be reaped.
pid_t zombie(int status) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(status);
  siginfo_t info{};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  return pid;
}

TEST(Orphans, OfNobodyAreReapedAndOthersAreLeftAlone) {
  const pid_t known_pid = zombie(7);
  const pid_t orphan = zombie(8);
  {
    const KnownChild known(known_pid);
    EXPECT_THAT(known_children(), Contains(known_pid));
    EXPECT_EQ(reap_orphans(), 1);
    EXPECT_EQ(::waitpid(orphan, nullptr, WNOHANG), -1) << "it was to be reaped";
    int status = 0;
    EXPECT_EQ(::waitpid(known_pid, &status, 0), known_pid);
    EXPECT_EQ(WEXITSTATUS(status), 7);
  }
  EXPECT_THAT(known_children(), Not(Contains(known_pid)));
  EXPECT_EQ(reap_orphans(), 0);
}

TEST(Orphans, ThatAreAliveAreNotTouched) {
  const pid_t alive = ::fork();
  if (alive == 0) {
    ::pause();
    ::_exit(0);
  }
  const pid_t dead = zombie(0);
  EXPECT_EQ(reap_orphans(), 1);
  EXPECT_EQ(::waitpid(dead, nullptr, WNOHANG), -1);
  EXPECT_EQ(::kill(alive, 0), 0);
  ::kill(alive, SIGKILL);
  EXPECT_EQ(::waitpid(alive, nullptr, 0), alive);
}

TEST(Orphans, KnownChildMovesItsClaim) {
  const pid_t pid = zombie(0);
  KnownChild first(pid);
  KnownChild second(std::move(first));
  EXPECT_EQ(reap_orphans(), 0);
  first = std::move(second);
  EXPECT_EQ(reap_orphans(), 0);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST(Children, AreListedWithTheUglyNamesTheyGiveThemselves) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_NAME, "a) R 1 (b");
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED), 0);
  std::vector<pid_t> seen;
  for_each_child([](pid_t child, void* list) { static_cast<std::vector<pid_t>*>(list)->push_back(child); }, &seen);
  EXPECT_THAT(seen, Contains(pid));
  EXPECT_THAT(seen, Not(Contains(::getpid())));
  ::kill(pid, SIGKILL);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

}  // namespace
}  // namespace netns_lab::process
