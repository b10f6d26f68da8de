#include "harness/node/guest_labs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "harness/base/deadline.h"
#include "harness/node/agent_fixture.h"
#include "harness/node/guest_boot.h"
#include "harness/node/guest_init.h"
#include "harness/protocol/guest.h"

namespace netns_lab::node {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;

protocol::HelloRequest hello() { return {.build = build_id()}; }

// Waits until nothing of any lab is left.
bool all_ended(GuestLabs& labs) {
  const Deadline deadline = Deadline::after(seconds(20));
  while (true) {
    labs.work();
    std::vector<pollfd> waits;
    labs.watch(waits);
    if (waits.empty()) return true;
    if (deadline.passed()) return false;
    ::poll(waits.data(), waits.size(), deadline.poll_timeout());
  }
}

TEST(GuestLabs, APrivateLabIsASandboxThatEndsWithItsNodesStream) {
  GuestLabs labs({"kernel 1.2.3 has no wireguard"});
  auto node = labs.open("node 7");
  ASSERT_TRUE(node.has_value()) << node.error();
  auto outside = labs.open("outside 7");
  ASSERT_TRUE(outside.has_value()) << outside.error();
  {
    Tester tester(*std::move(node));
    const auto said = tester.ask(hello());
    ASSERT_TRUE(said.has_value()) << said.error();
    EXPECT_EQ(said->provider, "qemu");
    EXPECT_EQ(said->node, "node-1");
    EXPECT_THAT(said->lost, Contains("kernel 1.2.3 has no wireguard"));
    Tester other(*std::move(outside));
    const auto said_outside = other.ask(hello());
    ASSERT_TRUE(said_outside.has_value()) << said_outside.error();
    EXPECT_EQ(said_outside->node, "outside");
  }
  EXPECT_TRUE(all_ended(labs));
  EXPECT_FALSE(labs.standing_ended());
}

TEST(GuestLabs, APrivateLabOfTwoNodesHandsOutEachOnce) {
  GuestLabs labs({});
  auto first = labs.open("nodes 2 7");
  ASSERT_TRUE(first.has_value()) << first.error();
  auto second = labs.open("further 2 7");
  ASSERT_TRUE(second.has_value()) << second.error();
  {
    Tester one(*std::move(first));
    Tester two(*std::move(second));
    for (auto* tester : {&one, &two}) {
      const auto said = tester->ask(hello());
      ASSERT_TRUE(said.has_value()) << said.error();
      EXPECT_EQ(said->node, tester == &one ? "node-1" : "node-2");
    }
    for (const char* label : {"further 2 7", "further 3 7", "further 1 7", "further 2 8", "further 2", "nodes 1 7",
                              "nodes 17 7", "nodes x 7", "nodes 2 "}) {
      EXPECT_FALSE(labs.open(label).has_value()) << label;
    }
  }
  EXPECT_TRUE(all_ended(labs));
}

TEST(GuestLabs, TheStandingOneIsSharedAndItsShutdownIsTold) {
  GuestLabs labs({});
  auto first = labs.open(protocol::kStandingNode);
  ASSERT_TRUE(first.has_value()) << first.error();
  auto second = labs.open(protocol::kStandingNode);
  ASSERT_TRUE(second.has_value()) << second.error();
  Tester one(*std::move(first));
  Tester two(*std::move(second));
  ASSERT_TRUE(one.ask(hello()).has_value());
  ASSERT_TRUE(two.ask(hello()).has_value());
  labs.work();
  EXPECT_FALSE(labs.standing_ended());
  EXPECT_TRUE(one.ask(protocol::ShutdownRequest{}).has_value());
  EXPECT_TRUE(all_ended(labs));
  EXPECT_TRUE(labs.standing_ended());
}

TEST(GuestLabs, LabelsThatMeanNothingAreRefused) {
  GuestLabs labs({});
  for (const char* label : {"", "node", "node ", "outside 9", "outside ", "standing", "nonsense"}) {
    const auto stream = labs.open(label);
    ASSERT_FALSE(stream.has_value()) << label;
    EXPECT_EQ(stream.error().kind, ErrorKind::kInvalid) << label;
    EXPECT_THAT(stream.error().message(), HasSubstr("no such lab"));
  }
}

TEST(GuestInit, TellsTheKernelWhichModulesAreCompressed) {
  EXPECT_EQ(module_flags("/lib/modules/1/veth.ko"), 0);
  EXPECT_NE(module_flags("/lib/modules/1/veth.ko.xz"), 0);
  EXPECT_NE(module_flags("/lib/modules/1/veth.ko.zst"), 0);
}

TEST(GuestInit, IsForTheFirstProcessOfAMachineOnly) { EXPECT_EQ(run_guest(), 2); }

}  // namespace
}  // namespace netns_lab::node
