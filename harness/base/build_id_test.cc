#include "harness/base/build_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace netns_lab {
namespace {

TEST(BuildId, IsTheHexOfTheLinkersNote) {
  EXPECT_THAT(build_id(), testing::MatchesRegex("[0-9a-f]{16,64}")) << "link with --build-id";
  EXPECT_EQ(build_id(), build_id());
}

// Each lab's agent is such a child, and its first answer tells its build: it never came, once in a thousand runs.
TEST(BuildId, IsToldInAChildWhateverOtherThreadsHeldWhenItWasForked) {
  std::atomic<bool> done = false;
  std::thread loader([&] {
    while (!done) ::dl_iterate_phdr([](dl_phdr_info*, std::size_t, void*) { return 0; }, nullptr);
  });
  for (int i = 0; i < 50 && !HasFailure(); ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(20);
      ::_exit(build_id().empty() ? 1 : 0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "14: it hung";
  }
  done = true;
  loader.join();
}

}  // namespace
}  // namespace netns_lab
