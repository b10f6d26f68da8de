#include "harness/probe/echo_lanes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <mutex>
#include <set>

#include "harness/base/deadline.h"
#include "harness/probe/processor_lanes.h"
#include "harness/probe/test_network.h"

namespace netns_lab::probe {
namespace {

using std::chrono::milliseconds;

class EchoLanesTest : public testing::Test {
 protected:
  static EchoSpec to_far(milliseconds wait) {
    EchoSpec spec;
    spec.network_namespace = "near";
    spec.destination = address(TestPair::kFar);
    spec.count = 1;
    spec.reply_wait = wait;
    return spec;
  }
  static void silence_far() {
    ASSERT_TRUE(in_namespace("far", [] { return TestPair::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1"); }));
  }

  TestPair pair_;
};

TEST_F(EchoLanesTest, EachReportIsOfItsEcho) {
  std::vector<EchoSpec> specs;
  for (std::size_t size = 0; size < 40; ++size) {
    specs.push_back(to_far(milliseconds(5'000)));
    specs.back().payload_size = static_cast<std::uint32_t>(32 + size);
  }
  for (const std::size_t lanes : {1, 2, 100}) {
    SCOPED_TRACE(lanes);
    const auto reports = echo_in_lanes(test_socket, specs, lanes);
    ASSERT_TRUE(reports) << reports.error();
    ASSERT_EQ(reports->size(), specs.size());
    for (std::size_t i = 0; i < specs.size(); ++i) {
      EXPECT_EQ((*reports)[i].spec.payload_size, specs[i].payload_size);
      EXPECT_EQ((*reports)[i].answered(), 1U) << (*reports)[i];
    }
  }
}

TEST_F(EchoLanesTest, OnlyThreeSilentOnesHaveTheirFullTime) {
  constexpr milliseconds kWait{700};
  silence_far();
  const std::vector<EchoSpec> specs(12, to_far(kWait));
  const auto reports = echo_in_lanes(test_socket, specs, 1);
  ASSERT_TRUE(reports) << reports.error();
  for (std::size_t i = 0; i < specs.size(); ++i) {
    EXPECT_EQ((*reports)[i].answered(), 0U);
    EXPECT_EQ((*reports)[i].spec.reply_wait, i < 3 ? kWait : milliseconds(50)) << i;
  }
}

TEST_F(EchoLanesTest, EndsWhenCancelled) {
  const UniqueFd stop(::eventfd(1, EFD_CLOEXEC));
  silence_far();
  const std::vector<EchoSpec> specs(4, to_far(milliseconds(60'000)));
  const auto reports = echo_in_lanes(test_socket, specs, 2, Cancel{.fd = stop.get()});
  ASSERT_FALSE(reports);
  EXPECT_EQ(reports.error().kind, ErrorKind::kCancelled);
}

TEST(ProcessorLanes, HoldEachToAProcessorOfItsOwn) {
  const std::size_t lanes = lanes_with_processors(2);
  std::mutex mutex;
  std::set<int> seen;
  const auto done = in_processor_lanes(lanes, [&](std::size_t) -> Result<void> {
    // The thread may have begun where its creator is; from here on it is where it belongs.
    cpu_set_t set;
    do {
      ::sched_yield();
      CPU_ZERO(&set);
      if (::sched_getaffinity(0, sizeof set, &set) != 0) return tl::unexpected(Error::system("ask", errno));
    } while (lanes > 1 && CPU_COUNT(&set) > 1);
    const std::lock_guard lock(mutex);
    for (int number = 0; number < CPU_SETSIZE; ++number) {
      if (CPU_ISSET(number, &set)) seen.insert(number);
    }
    return {};
  });
  ASSERT_TRUE(done) << done.error();
  EXPECT_GE(seen.size(), lanes);
}

TEST(ProcessorLanes, ReturnTheFirstError) {
  const auto done = in_processor_lanes(3, [](std::size_t lane) -> Result<void> {
    if (lane == 0) return {};
    return tl::unexpected(Error::internal("work", lane == 1 ? "one" : "two"));
  });
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), testing::HasSubstr("one"));
  EXPECT_EQ(lanes_with_processors(1), 1U);
}

}  // namespace
}  // namespace netns_lab::probe
