#include "harness/cli/signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace netns_lab::cli {
namespace {

using ::testing::ExitedWithCode;
using ::testing::KilledBySignal;

// Each in a process of its own.
class EndOnSignals : public ::testing::TestWithParam<int> {
 protected:
  EndOnSignals() { ::signal(GetParam(), SIG_DFL); }  // nohup(1) and a shell's background jobs ignore them
};

TEST_P(EndOnSignals, EndTheProcessWithTheirLine) {
  EXPECT_EXIT(
      {
        const EndOnSignal interrupted("up: interrupted");
        ::raise(GetParam());
        std::_Exit(0);
      },
      ExitedWithCode(130), "^netns-lab: up: interrupted\n$");
}

TEST_P(EndOnSignals, SayTheInnerLineWithinAndTheOuterOneAfterwards) {
  EXPECT_EXIT(
      {
        const EndOnSignal outer("outer");
        const EndOnSignal inner("inner");
        ::raise(GetParam());
        std::_Exit(0);
      },
      ExitedWithCode(130), "^netns-lab: inner\n$");
  EXPECT_EXIT(
      {
        const EndOnSignal outer("outer");
        { const EndOnSignal inner("inner"); }
        ::raise(GetParam());
        std::_Exit(0);
      },
      ExitedWithCode(130), "^netns-lab: outer\n$");
}

TEST_P(EndOnSignals, DoWhatTheyDidBeforeOnceItIsGone) {
  EXPECT_EXIT(
      {
        { const EndOnSignal interrupted("up: interrupted"); }
        ::raise(GetParam());
        std::_Exit(0);
      },
      KilledBySignal(GetParam()), "^$");
}

TEST_P(EndOnSignals, AreIgnoredByWhoIgnoredThemBefore) {
  EXPECT_EXIT(
      {
        ::signal(GetParam(), SIG_IGN);
        const EndOnSignal interrupted("up: interrupted");
        ::raise(GetParam());
        std::_Exit(7);
      },
      ExitedWithCode(7), "^$");
}

TEST_P(EndOnSignals, KillAChildWithoutAWord) {
  EXPECT_EXIT(
      {
        const EndOnSignal interrupted("up: interrupted");
        const pid_t child = ::fork();
        if (child == 0) {
          ::raise(GetParam());
          std::_Exit(0);
        }
        int end = 0;
        ::waitpid(child, &end, 0);
        std::_Exit(WIFSIGNALED(end) && WTERMSIG(end) == GetParam() ? 9 : 1);
      },
      ExitedWithCode(9), "^$");
}

TEST_P(EndOnSignals, WaitWhileTheyAreWatched) {
  EXPECT_EXIT(
      {
        const EndOnSignal interrupted("up: interrupted");
        const SignalWatch watch({GetParam()});
        ::raise(GetParam());
        std::_Exit(watch.take() == std::vector<int>{GetParam()} ? 11 : 1);
      },
      ExitedWithCode(11), "^$");
}

INSTANTIATE_TEST_SUITE_P(Rows, EndOnSignals, ::testing::Values(SIGINT, SIGTERM, SIGHUP),
                         [](const auto& row) { return std::string(::sigabbrev_np(row.param)); });

}  // namespace
}  // namespace netns_lab::cli
