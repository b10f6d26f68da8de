// Labs of several nodes at the command line: up, exec on each, and what is said where there are too few.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/cli/command_under_test.h"

namespace netns_lab::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(SeveralNodes, StandAndAreReachedOneByOne) {
  CommandUnderTest command;
  const Ran made = command.run({"up", "--name", "blue", "--nodes", "2"});
  ASSERT_EQ(made.status, 0) << made;
  EXPECT_THAT(made.output, HasSubstr("2 nodes"));
  EXPECT_EQ(command.run({"exec", "--name", "blue", "--", "hostname"}).output, "node-1\n");
  EXPECT_EQ(command.run({"exec", "--name", "blue", "--node", "2", "--", "hostname"}).output, "node-2\n");
  const Ran other = command.run({"exec", "--name", "blue", "--node", "2", "--", "ping", "-n", "-c", "1", "10.0.0.10"});
  EXPECT_EQ(other.status, 0) << other;
  const Ran third = command.run({"exec", "--name", "blue", "--node", "3", "--", "true"});
  EXPECT_EQ(third.status, 3) << third;
  EXPECT_THAT(third.errors, AllOf(HasSubstr("it is up with 2 nodes"), HasSubstr("3 are needed")));
  EXPECT_EQ(command.run({"up", "--name", "blue"}).status, 0) << "more than are asked for will do";
  EXPECT_THAT(command.run({"destroy", "--name", "blue"}), HasStatus(0));
}

TEST(SeveralNodes, AreNotMadeOfALabOfOne) {
  CommandUnderTest command;
  ASSERT_THAT(command.run({"up", "--name", "blue"}), HasStatus(0));
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"up", "--name", "blue", "--nodes", "2"},
                                                    std::vector<std::string>{"run", "multi-node", "--name", "blue"},
                                                    std::vector<std::string>{"test", "multi-node", "--name", "blue"}}) {
    const Ran ran = command.run(arguments);
    EXPECT_EQ(ran.status, 3) << ran;
    EXPECT_THAT(ran.errors, AllOf(HasSubstr("lab blue"), HasSubstr("2 ")));
  }
}

TEST(SeveralNodes, AScenarioThatWasNotNamedIsLeftOutWhereTheyAreMissing) {
  CommandUnderTest command;
  ASSERT_THAT(command.run({"up", "--name", "blue"}), HasStatus(0));
  const Ran ran = command.run({"test", "--name", "blue", "--filter", "*.build"});
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.errors, HasSubstr("scenario multi-node is left out"));
}

TEST(SeveralNodes, AScenarioStandsOnAllOfThemAndIsJudgedThere) {
  CommandUnderTest command;
  const Ran built = command.run({"run", "multi-node", "--name", "blue"});
  ASSERT_EQ(built.status, 0) << built;
  EXPECT_THAT(built.output, AllOf(HasSubstr("node-2, netns1: veth10 here"), HasSubstr("--node 2")));
  const Ran reached =
      command.run({"exec", "--name", "blue", "--netns", "netns1", "--", "ping", "-n", "-c", "1", "172.16.1.3"});
  EXPECT_EQ(reached.status, 0) << reached;
  ASSERT_THAT(command.run({"destroy", "--name", "blue"}), HasStatus(0));
  ASSERT_THAT(command.run({"up", "--name", "blue", "--nodes", "2"}), HasStatus(0));
  for (int round = 0; round < 2; ++round) {  // the second finds it as it was made
    const Ran judged = command.run({"test", "multi-node", "--name", "blue", "--no-skip"});
    EXPECT_EQ(judged.status, 0) << judged;
  }
}

TEST(RoutedNodes, AreOfAnotherLabThanThoseOnOneSegment) {
  CommandUnderTest command;
  const Ran alone = command.run({"up", "--name", "blue", "--routed"});
  EXPECT_EQ(alone.status, 2) << alone;
  EXPECT_THAT(alone.errors, HasSubstr("add --nodes 2"));
  ASSERT_THAT(command.run({"up", "--name", "blue", "--nodes", "2", "--routed"}), HasStatus(0));
  const Ran other = command.run({"exec", "--name", "blue", "--node", "2", "--", "ping", "-n", "-c", "1", "10.0.0.10"});
  EXPECT_THAT(other.output, HasSubstr("ttl=63")) << "a router is between: " << other;
  const Ran again = command.run({"up", "--name", "blue", "--nodes", "2"});
  EXPECT_EQ(again.status, 3) << again;
  EXPECT_THAT(again.errors, HasSubstr("one segment is needed"));
  const Ran unfit = command.run({"test", "multi-node", "--name", "blue"});
  EXPECT_EQ(unfit.status, 3) << unfit;
  EXPECT_THAT(unfit.errors, HasSubstr("its nodes are not on one segment"));
  for (int round = 0; round < 2; ++round) {
    const Ran judged = command.run({"test", "overlay", "--name", "blue", "--no-skip"});
    EXPECT_EQ(judged.status, 0) << judged;
  }
}

// What is judged on one node is judged in a lab of several as well, wherever its outside is.
TEST(RoutedNodes, AreEachJudgedAsOneNodeIs) {
  CommandUnderTest command;
  ASSERT_THAT(command.run({"up", "--name", "blue", "--nodes", "2", "--routed"}), HasStatus(0));
  const Ran judged =
      command.run({"test", "bridge", "egress", "port-mapping", "--target", "native", "--name", "blue", "--no-skip"});
  EXPECT_EQ(judged.status, 0) << judged;
}

TEST(RoutedNodes, ATunnelStandsAsLongAsItsLab) {
  for (const char* tunnel : {"TUNNEL=vxlan", "TUNNEL=tun"}) {
    CommandUnderTest command;
    const Ran built = command.run({"run", "overlay", "--name", "blue", "--param", tunnel});
    ASSERT_EQ(built.status, 0) << built;
    const Ran reached =
        command.run({"exec", "--name", "blue", "--netns", "netns1", "--", "ping", "-n", "-c", "1", "172.16.1.3"});
    EXPECT_THAT(reached.output, HasSubstr("ttl=62")) << tunnel << ": " << reached;
    EXPECT_THAT(command.run({"destroy", "--name", "blue"}), HasStatus(0));
  }
}

}  // namespace
}  // namespace netns_lab::cli
