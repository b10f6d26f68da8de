// A machine that is a lab itself (--lab host): what is refused before a target makes anything, and what destroy undoes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "harness/cli/command_under_test.h"
#include "harness/cli/this_machine.h"
#include "harness/node/journal.h"

namespace netns_lab::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

void change(const Change& change) {
  auto handles = node::NetworkHandles::create().value();
  ASSERT_TRUE(node::apply_changes(handles, {change}));
}

CreateLink bridge(const std::string& name) {
  CreateLink link;
  link.name = name;
  link.kind = "bridge";
  return link;
}

std::vector<std::string> judged_here(const std::string& target) {
  return {"test", "single-namespace", "--lab", "host", "--target", target};
}

std::string shipped() { return "script:" + CommandUnderTest::fixture("scenarios/single-namespace"); }

// The script makes both ends on the machine before it moves one; the built-in target does not.
TEST(HostLab, RefusesAScriptWhoseInnerNameIsTaken) {
  give_this_machine_an_uplink();
  change(bridge("veth2"));
  CommandUnderTest command;
  const Ran ran = command.run(judged_here(shipped()));
  EXPECT_EQ(ran.status, 3) << ran;
  EXPECT_THAT(ran.output, HasSubstr("claim interface veth2"));
  EXPECT_THAT(command.run(judged_here("native")), HasStatus(0));
  change(DeleteLink{"", "veth2"});
}

TEST(HostLab, RefusesAMachineWithoutAnyAddress) {
  if (this_machine().find_link("eth0") != nullptr) change(DeleteLink{"", "eth0"});
  CommandUnderTest command;
  const Ran ran = command.run(judged_here(shipped()));
  EXPECT_EQ(ran.status, 3) << ran;
  EXPECT_THAT(ran.output, HasSubstr("no address besides loopback"));
}

TEST(HostLab, ARouterOfOurOwnIsConformant) {
  give_this_machine_an_uplink();
  CommandUnderTest command;
  const Ran ran = command.run({"test", "egress", "--lab", "host", "--target", "native", "--family", "ipv4"});
  EXPECT_EQ(ran.status, 0) << ran;
}

// Other programs keep such (flannel, cilium), and nobody can tell whose they are.
TEST(HostLab, NeighboursOfOthersAreToldAndFailNothing) {
  give_this_machine_an_uplink();
  CommandUnderTest command;
  std::filesystem::copy(CommandUnderTest::fixture("scenarios/single-namespace"), command.folder() + "/beside");
  std::ifstream file(command.folder() + "/beside/setup.sh");
  const std::string script(std::istreambuf_iterator<char>(file), {});
  command.write("beside/setup.sh",
                script + "\nip neigh replace 192.0.2.78 lladdr 02:00:00:00:00:78 dev eth0 nud permanent\n", 0755);
  const Ran ran = command.run(judged_here("script:" + command.folder() + "/beside"));
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.output, AllOf(HasSubstr("nobody can tell"), HasSubstr("192.0.2.78")));
}

TEST(HostLab, DestroyUndoesWhatADeadRunLeft) {
  CommandUnderTest command;
  ASSERT_EQ(command.run({"destroy"}).status, 3) << "nothing was left";
  const std::string folder = "/run/netns-lab/.journal";
  std::filesystem::create_directories(folder);
  {
    auto journal = node::Journal::create(folder + "/1.jsonl");
    ASSERT_TRUE(journal) << journal.error();
    ASSERT_TRUE(journal->before_link("left0"));
    change(bridge("left0"));
  }
  const Ran of_another = command.run({"destroy", "--name", "blue"});
  EXPECT_EQ(of_another.status, 3) << of_another;
  EXPECT_THAT(of_another.output, HasSubstr("what dead runs had left was undone (1)"));
  EXPECT_EQ(this_machine().find_link("left0"), nullptr);
  EXPECT_FALSE(std::filesystem::exists(folder + "/1.jsonl"));
}

}  // namespace
}  // namespace netns_lab::cli
