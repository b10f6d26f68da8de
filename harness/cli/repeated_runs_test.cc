// A good target stays good however often, and wherever, it is judged, and what the judging changes is put back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "harness/cli/command_under_test.h"
#include "harness/cli/this_machine.h"

namespace netns_lab::cli {
namespace {

using testing::IsEmpty;

std::vector<std::string> names_of_links(const NamespaceState& state) {
  std::vector<std::string> names;
  for (const Link& link : state.links) names.push_back(link.name);
  return names;
}

struct Row {
  const char* name;
  std::vector<std::string> target;
  std::vector<std::string> lab;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class RepeatedRun : public testing::TestWithParam<Row> {};

TEST_P(RepeatedRun, IsConformantEachTimeAndPutsBackWhatItChanged) {
  give_this_machine_an_uplink();
  const NamespaceState before = this_machine();
  CommandUnderTest command;
  const bool named = GetParam().lab.size() > 2;
  if (named) {
    ASSERT_EQ(command.run({"up", "--name", "repeated"}).status, 0);
  }
  std::vector<std::string> arguments{"test", "single-namespace", "--repeat", "3"};
  for (const auto* more : {&GetParam().target, &GetParam().lab})
    arguments.insert(arguments.end(), more->begin(), more->end());
  const auto ran = command.run(arguments);
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(command.report_lines("<failure"), IsEmpty());
  EXPECT_THAT(command.report_lines("<error"), IsEmpty());
  if (named) {
    EXPECT_EQ(command.run({"destroy", "--name", "repeated"}).status, 0);
  }
  const NamespaceState after = this_machine();
  EXPECT_EQ(names_of_links(after), names_of_links(before));
  EXPECT_EQ(after.sysctls, before.sysctls);
}

const std::vector<std::string> kNative{"--target", "native"};
const std::vector<std::string> kScript{"--target", "script:" + CommandUnderTest::fixture("scenarios/single-namespace")};
INSTANTIATE_TEST_SUITE_P(
    Rows, RepeatedRun,
    testing::Values(Row{"NativeInASandbox", kNative, {}}, Row{"ScriptInASandbox", kScript, {}},
                    Row{"NativeInANamedSandbox", kNative, {"--lab", "sandbox", "--name", "repeated"}},
                    Row{"NativeOnThisMachine", kNative, {"--lab", "host"}},
                    Row{"ScriptOnThisMachine", kScript, {"--lab", "host"}}),
    [](const auto& row) { return row.param.name; });

// As in a minimal system made for building (debootstrap and the like): the kernel refuses user namespaces there.
TEST(RunInAChroot, IsConformant) {
  CommandUnderTest command;
  command.before_execution = [] {
    const bool entered = ::unshare(CLONE_NEWNS) == 0 && ::mkdir("/run/jail", 0755) == 0 &&
                         ::mount("/", "/run/jail", nullptr, MS_BIND | MS_REC, nullptr) == 0 &&
                         ::chroot("/run/jail") == 0;
    if (!entered) ::_exit(99);
  };
  const auto ran = command.run({"test", "single-namespace", "--target", "native"});
  EXPECT_EQ(ran.status, 0) << ran;
}

}  // namespace
}  // namespace netns_lab::cli
