// diagnose, shuffle and the snapshot as text, at the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "harness/cli/command_under_test.h"

namespace netns_lab::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Diagnose, WalksTheWayBetweenNodesAndSaysWhereItEnds) {
  CommandUnderTest command;
  ASSERT_THAT(command.run({"run", "multi-node", "--name", "blue"}), HasStatus(0));
  const std::vector<std::string> question = {"diagnose",      "--name", "blue",      "--from",
                                             "node-1:netns1", "--to",   "172.16.1.2"};
  const Ran reached = command.run(question);
  EXPECT_EQ(reached.status, 0) << reached;
  EXPECT_THAT(reached.output, AllOf(HasSubstr("node-1:netns1 to 172.16.1.2: reachable\n"),
                                    HasSubstr("3 seen  eth0 (node-2) takes in the request\n")));
  ASSERT_EQ(
      command.run({"exec", "--name", "blue", "--node", "2", "--", "sysctl", "-qw", "net.ipv4.ip_forward=0"}).status, 0);
  const Ran lost = command.run(question);
  EXPECT_EQ(lost.status, 1) << lost;
  EXPECT_THAT(lost.output,
              HasSubstr("node-2 does not forward what comes in by eth0: net.ipv4.conf.eth0.forwarding is 0"));
  std::vector<std::string> as_json = question;
  as_json.emplace_back("--json");
  const auto json = nlohmann::json::parse(command.run(as_json).output);
  EXPECT_EQ(json.at("reachable"), false);
  EXPECT_EQ(json.at("step"), "forwarding");
  EXPECT_EQ(json.at("walk").size(), 5U);
  const Ran nobody = command.run({"diagnose", "--name", "blue", "--from", "host", "--to", "172.16.0.99"});
  EXPECT_EQ(nobody.status, 1) << nobody;
  EXPECT_THAT(nobody.output, HasSubstr("br0 (node-1) asked by ARP who has 172.16.0.99, and nobody on that link has"));
  const Ran nowhere = command.run({"diagnose", "--name", "blue", "--from", "node-1:red", "--to", "10.0.0.20"});
  EXPECT_EQ(nowhere.status, 2) << nowhere;
  EXPECT_THAT(nowhere.errors, HasSubstr("it has netns1, netns2"));
  EXPECT_THAT(command.run({"diagnose", "--name", "blue", "--from", "node-9", "--to", "10.0.0.20"}), HasStatus(2));
}

TEST(Shuffle, TellsItsSeedAndIsTheSameAgain) {
  CommandUnderTest command;
  const auto order_of = [&](const std::string& seed) {
    const Ran ran = command.run({"test", "single-namespace", "--seed", seed, "--json"});
    EXPECT_EQ(ran.status, 0) << ran;
    std::vector<std::string> names;
    const auto json = nlohmann::json::parse(ran.output);
    for (const auto& one : json.at("workers").at(0).at("cases")) names.push_back(one.at("name"));
    EXPECT_EQ(std::to_string(json.at("workers").at(0).at("order").get<int>()), seed);
    return names;
  };
  const std::vector<std::string> first = order_of("42");
  EXPECT_EQ(order_of("42"), first);
  EXPECT_NE(order_of("43"), first);
}

TEST(Snapshot, AsTextHasOneObjectALine) {
  CommandUnderTest command;
  ASSERT_THAT(command.run({"up", "--name", "blue"}), HasStatus(0));
  const Ran text = command.run({"snapshot", "--name", "blue", "--text"});
  EXPECT_EQ(text.status, 0) << text;
  EXPECT_THAT(text.output, AllOf(HasSubstr("\n  link "), HasSubstr("eth0"), HasSubstr("\n  address ")));
}

}  // namespace
}  // namespace netns_lab::cli
