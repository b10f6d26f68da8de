// What `netns-lab diff` tells of two snapshot files: which object changed, whatever its place in a list.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "harness/cli/command_under_test.h"
#include "harness/model/json.h"
#include "harness/model/snapshot.h"

namespace netns_lab::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

Route route_to(const std::string& destination) {
  Route route;
  route.destination = Prefix::parse(destination).value();
  route.table = 254;
  NextHop hop;
  hop.link = "eth0";
  route.hops = {hop};
  return route;
}

Snapshot node_with_routes(const std::vector<std::string>& destinations) {
  NamespaceState node;
  node.inode = 1;
  for (const std::string& destination : destinations) node.routes.push_back(route_to(destination));
  Snapshot snapshot;
  snapshot.namespaces = {node};
  return snapshot;
}

class DiffCommand : public testing::Test {
 protected:
  Ran diff(const Snapshot& before, const Snapshot& after) {
    const std::string first = command_.write("before.json", nlohmann::json(before).dump());
    const std::string second = command_.write("after.json", nlohmann::json(after).dump());
    return command_.run({"diff", first, second});
  }
  CommandUnderTest command_;
};

TEST_F(DiffCommand, TellsOnlyTheRouteThatWasInserted) {
  const Ran ran = diff(node_with_routes({"10.1.0.0/16", "10.3.0.0/16", "10.4.0.0/16"}),
                       node_with_routes({"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"}));
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_THAT(ran.output, AllOf(StartsWith("new route on the node: 10.2.0.0/16"), Not(HasSubstr("10.3.0.0/16")),
                                Not(HasSubstr("10.4.0.0/16"))));
}

TEST_F(DiffCommand, IsNotDisturbedByAnotherOrder) {
  const Ran ran =
      diff(node_with_routes({"10.1.0.0/16", "10.2.0.0/16"}), node_with_routes({"10.2.0.0/16", "10.1.0.0/16"}));
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_EQ(ran.output, "nothing changed\n");
}

TEST_F(DiffCommand, TellsWhatIsInANewNamespace) {
  Snapshot after = node_with_routes({});
  NamespaceState inside = node_with_routes({"10.1.0.0/16"}).namespaces.front();
  inside.name = "netns1";
  inside.inode = 2;
  after.namespaces.push_back(inside);
  const Ran ran = diff(node_with_routes({}), after);
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_THAT(ran.output, HasSubstr("new route in netns1: 10.1.0.0/16"));
}

TEST_F(DiffCommand, RefusesWhatIsNoSnapshot) {
  const std::string path = command_.write("other.json", "{\"colour\": \"blue\"}");
  const Ran ran = command_.run({"diff", path, path});
  EXPECT_EQ(ran.status, 2) << ran;
  EXPECT_THAT(ran.output, IsEmpty());
  EXPECT_THAT(ran.errors, AllOf(HasSubstr("other.json"), HasSubstr("netns-lab snapshot --output FILE")));
}

}  // namespace
}  // namespace netns_lab::cli
