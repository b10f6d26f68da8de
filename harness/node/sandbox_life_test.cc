// Who ends with whom. Every process of a lab is found by the descriptor it shares with the test, not by its name.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <random>
#include <set>
#include <vector>

#include "harness/node/sandbox.h"
#include "harness/node/sandbox_fake_agent.h"
#include "harness/node/sandbox_process.h"

namespace netns_lab::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::ask;
using test::descendants;
using test::ends_by;
using test::left_by;

constexpr auto kPatience = seconds(20);  // the machine may be busy; a failure is "never", not "late"

SandboxSpec shells() {
  SandboxSpec spec;
  spec.node_agent = test::serve_shell;
  spec.outside_agent = test::serve_shell;
  return spec;
}

class SandboxLife : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    left_by(Deadline::after(kPatience));  // labs of other tests that are just ending
  }
  void TearDown() override {
    EXPECT_THAT(left_by(Deadline::after(kPatience)), ::testing::IsEmpty()) << "processes are left";
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  }
};

TEST_F(SandboxLife, HasThreeProcessesAndOneMoreOnceItsOutsideIsSpokenTo) {
  const auto lab = start_sandbox(shells());
  ASSERT_TRUE(lab) << lab.error();
  EXPECT_EQ(descendants().size(), 3u);
  EXPECT_EQ(ask(lab->outside, "hostname").output, "outside");
  EXPECT_EQ(descendants().size(), 4u);
}

TEST_F(SandboxLife, AnOutsideThatNobodySpokeToIsNotMadeWhenItsStreamEnds) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd log(ends[0]);
  UniqueFd written(ends[1]);
  SandboxSpec spec = shells();
  spec.log = written.get();
  spec.outside_agent = [](const AgentContext&, UniqueFd) { return std::fputs("an outside", stderr) < 0 ? 1 : 0; };
  auto lab = start_sandbox(spec);
  ASSERT_TRUE(lab) << lab.error();
  written.reset();
  lab->outside.reset();
  EXPECT_TRUE(ends_by(lab->node, Deadline::after(kPatience)));
  EXPECT_THAT(left_by(Deadline::after(kPatience)), ::testing::IsEmpty());
  std::array<char, 100> text{};
  const ssize_t length = ::read(log.get(), text.data(), text.size());
  EXPECT_EQ(std::string(text.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))), "");
}

TEST_F(SandboxLife, EndsWithItsNodesStream) {
  auto lab = start_sandbox(shells());
  ASSERT_TRUE(lab) << lab.error();
  lab->node.reset();
  EXPECT_TRUE(ends_by(lab->outside, Deadline::after(kPatience)));
}

TEST_F(SandboxLife, TakesWhatATargetLeftRunningWithIt) {
  auto lab = start_sandbox(shells());
  ASSERT_TRUE(lab) << lab.error();
  ASSERT_EQ(ask(lab->node, "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo started").output, "started");
  ASSERT_GE(descendants().size(), 4u);
  lab->node.reset();
  EXPECT_THAT(left_by(Deadline::after(kPatience)), ::testing::IsEmpty());
}

TEST_F(SandboxLife, EndsWithAnyOfItsProcesses) {
  for (const std::size_t processes : {3U, 4U}) {  // without an agent on the outside, and with one
    for (std::size_t victim = 0; victim < processes; ++victim) {
      SCOPED_TRACE(testing::Message() << "victim " << victim << " of " << processes);
      const auto lab = start_sandbox(shells());
      ASSERT_TRUE(lab) << lab.error();
      if (processes == 4) {
        ASSERT_EQ(ask(lab->outside, "hostname").output, "outside");
      }
      std::set<pid_t> all = descendants();
      ASSERT_EQ(all.size(), processes);
      ASSERT_EQ(::kill(*std::next(all.begin(), static_cast<std::ptrdiff_t>(victim)), SIGKILL), 0);
      EXPECT_TRUE(ends_by(lab->node, Deadline::after(kPatience)));
      EXPECT_TRUE(ends_by(lab->outside, Deadline::after(kPatience)));
      EXPECT_THAT(left_by(Deadline::after(kPatience)), ::testing::IsEmpty());
    }
  }
}

TEST_F(SandboxLife, EndsWithTheCallersProcess) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  UniqueFd told(ends[0]);
  UniqueFd tell(ends[1]);
  const auto caller = fork_child([&] {
    const auto lab = start_sandbox(shells());
    if (!lab || ::write(tell.get(), "r", 1) != 1) return 1;
    ::pause();
    return 0;
  });
  ASSERT_TRUE(caller) << caller.error();
  tell.reset();
  char byte = 0;
  ASSERT_EQ(::read(told.get(), &byte, 1), 1);
  ASSERT_EQ(descendants().size(), 4u);
  end_child(*caller);
  EXPECT_THAT(left_by(Deadline::after(kPatience)), ::testing::IsEmpty());
}

// SIGKILL of the caller at any moment of the set-up.
TEST_F(SandboxLife, LeavesNothingWhereverItsCallerIsKilled) {
  std::mt19937 random(20'261'123);
  std::uniform_int_distribution<int> microseconds(0, 60'000);
  for (int round = 0; round < 40; ++round) {
    const auto caller = fork_child([] {
      const auto lab = start_sandbox(shells());
      ::pause();
      return 0;
    });
    ASSERT_TRUE(caller) << caller.error();
    timespec moment{.tv_sec = 0, .tv_nsec = microseconds(random) * 1'000L};
    ::nanosleep(&moment, nullptr);  // the moment itself is what is varied
    end_child(*caller);
    ASSERT_THAT(left_by(Deadline::after(kPatience)), ::testing::IsEmpty())
        << "round " << round << ", " << moment.tv_nsec << " ns";
  }
}

// And of any process of the lab, whichever there is by then: start_sandbox returns, with a lab or an error, and nothing
// is left.
TEST_F(SandboxLife, SurvivesAKillOfAnyProcessDuringSetUp) {
  std::mt19937 random(4'711);
  std::uniform_int_distribution<int> microseconds(0, 60'000);
  for (int round = 0; round < 40; ++round) {
    const auto caller = fork_child([] {
      SandboxSpec spec = shells();
      spec.limit = seconds(20);
      const auto lab = start_sandbox(spec);
      if (lab) return 0;
      if (lab.error().kind != ErrorKind::kLost) fmt::print(stderr, "not kLost: {}\n", lab.error().message());
      return lab.error().kind == ErrorKind::kLost ? 2 : 3;
    });
    ASSERT_TRUE(caller) << caller.error();
    timespec moment{.tv_sec = 0, .tv_nsec = microseconds(random) * 1'000L};
    ::nanosleep(&moment, nullptr);
    std::set<pid_t> victims = descendants();
    victims.erase(caller->pid);
    if (!victims.empty()) {
      const auto chosen = static_cast<std::ptrdiff_t>(random() % victims.size());
      ::kill(*std::next(victims.begin(), chosen), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(caller->pid, &status, 0), caller->pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) != 3) << "round " << round << ": another error than kLost";
    ASSERT_THAT(left_by(Deadline::after(kPatience)), ::testing::IsEmpty()) << "round " << round;
  }
}

SandboxSpec shells_on(int nodes) {
  SandboxSpec spec = shells();
  spec.nodes = nodes;
  return spec;
}

TEST_F(SandboxLife, OfSeveralNodesHasTwoProcessesMoreForEach) {
  const auto lab = start_sandbox(shells_on(3));
  ASSERT_TRUE(lab) << lab.error();
  ASSERT_EQ(lab->more_nodes.size(), 2u);
  EXPECT_EQ(descendants().size(), 7u);
  EXPECT_EQ(ask(lab->outside, "hostname").output, "outside");
  EXPECT_EQ(descendants().size(), 8u);
}

TEST_F(SandboxLife, OfSeveralNodesEndsWithTheStreamOfAnyOfThem) {
  for (const std::size_t which : {0U, 1U, 2U}) {
    auto lab = start_sandbox(shells_on(3));
    ASSERT_TRUE(lab) << lab.error();
    (which == 0 ? lab->node : lab->more_nodes.at(which - 1)).reset();
    EXPECT_TRUE(ends_by(lab->outside, Deadline::after(kPatience)));
    EXPECT_THAT(left_by(Deadline::after(kPatience)), ::testing::IsEmpty());
  }
}

TEST_F(SandboxLife, OfSeveralNodesEndsWithAnyOfItsProcesses) {
  for (std::size_t victim = 0; victim < 6; ++victim) {
    SCOPED_TRACE(testing::Message() << "victim " << victim);
    const auto lab = start_sandbox(shells_on(2));
    ASSERT_TRUE(lab) << lab.error();
    ASSERT_EQ(ask(lab->outside, "hostname").output, "outside");
    const std::set<pid_t> all = descendants();
    ASSERT_EQ(all.size(), 6u);
    ASSERT_EQ(::kill(*std::next(all.begin(), static_cast<std::ptrdiff_t>(victim)), SIGKILL), 0);
    EXPECT_TRUE(ends_by(lab->node, Deadline::after(kPatience)));
    EXPECT_TRUE(ends_by(lab->more_nodes.front(), Deadline::after(kPatience)));
    EXPECT_TRUE(ends_by(lab->outside, Deadline::after(kPatience)));
    EXPECT_THAT(left_by(Deadline::after(kPatience)), ::testing::IsEmpty());
  }
}

TEST_F(SandboxLife, OfSeveralNodesLeavesNothingWhereverItsCallerIsKilled) {
  std::mt19937 random(20'261'126);
  std::uniform_int_distribution<int> microseconds(0, 90'000);
  for (int round = 0; round < 40; ++round) {
    const auto caller = fork_child([] {
      const auto lab = start_sandbox(shells_on(3));
      ::pause();
      return 0;
    });
    ASSERT_TRUE(caller) << caller.error();
    timespec moment{.tv_sec = 0, .tv_nsec = microseconds(random) * 1'000L};
    ::nanosleep(&moment, nullptr);  // the moment itself is what is varied
    end_child(*caller);
    ASSERT_THAT(left_by(Deadline::after(kPatience)), ::testing::IsEmpty())
        << "round " << round << ", " << moment.tv_nsec << " ns";
  }
}

TEST_F(SandboxLife, RefusesANumberOfNodesThatCannotBe) {
  for (const int nodes : {0, -1, kMostNodes + 1}) {
    const auto lab = start_sandbox(shells_on(nodes));
    ASSERT_FALSE(lab);
    EXPECT_EQ(lab.error().kind, ErrorKind::kInvalid);
  }
}

TEST_F(SandboxLife, HoldsNothingOfTheCallersOpen) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);  // without O_CLOEXEC, as a careless caller has it
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const auto lab = start_sandbox(shells());
  ASSERT_TRUE(lab) << lab.error();
  writer.reset();
  pollfd waiting{.fd = reader.get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&waiting, 1, 10'000), 1) << "somebody else holds the pipe's other end";
  char byte = 0;
  EXPECT_EQ(::read(reader.get(), &byte, 1), 0);
}

TEST_F(SandboxLife, ReportsAFailureOfTheSetUp) {
  SandboxSpec spec = shells();
  spec.host_name = std::string(200, 'x');  // sethostname(2) takes 64
  const auto lab = start_sandbox(spec);
  ASSERT_FALSE(lab);
  EXPECT_THAT(lab.error().message(), ::testing::HasSubstr("set the host name"));
}

UniqueFd listening(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd.get(), 8) != 0)
    fd.reset();
  return fd;
}

UniqueFd connected(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

TEST_F(SandboxLife, ANamedLabOutlivesItsCallerAndEndsWhenToldTo) {
  const auto caller = fork_child([] {
    SandboxSpec spec = shells();
    spec.node_agent = test::serve_shell_listener;
    spec.outside_agent = test::serve_shell_listener;
    SandboxListeners listeners;
    listeners.node = listening("/run/node.sock");
    listeners.outside = listening("/run/outside.sock");
    return start_sandbox(spec, std::move(listeners)) ? 0 : 1;
  });
  ASSERT_TRUE(caller) << caller.error();
  int status = -1;
  ASSERT_EQ(::waitpid(caller->pid, &status, 0), caller->pid);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(descendants().size(), 3u);
  {
    const UniqueFd node = connected("/run/node.sock");
    EXPECT_EQ(ask(node, "hostname").output, "node-1");
  }
  {
    const UniqueFd outside = connected("/run/outside.sock");
    EXPECT_EQ(ask(outside, "hostname").output, "outside");
  }
  ask(connected("/run/node.sock"), "shutdown");
  EXPECT_THAT(left_by(Deadline::after(kPatience)), ::testing::IsEmpty());
  ::unlink("/run/node.sock");
  ::unlink("/run/outside.sock");
}

}  // namespace
}  // namespace netns_lab::node
