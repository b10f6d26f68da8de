// A standing lab gives the privilege that is asked for, or the command says that it does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/cli/command_under_test.h"
#include "harness/node/drop_trace.h"

namespace netns_lab::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Up, DoesNotPassAnUnprivilegedLabOffAsAPrivilegedOne) {
  CommandUnderTest command;
  ASSERT_THAT(command.run({"up", "--name", "blue"}), HasStatus(0));
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"up", "--name", "blue", "--privileged"},
        std::vector<std::string>{"run", "single-namespace", "--name", "blue", "--privileged"},
        std::vector<std::string>{"test", "single-namespace", "--name", "blue", "--privileged"}}) {
    const Ran ran = command.run(arguments);
    EXPECT_EQ(ran.status, 3) << ran;
    EXPECT_THAT(ran.errors, AllOf(HasSubstr("lab blue"), HasSubstr("user namespace of its own"),
                                  HasSubstr("netns-lab destroy --name blue")));
  }
}

TEST(Up, ReusesAPrivilegedLab) {
  CommandUnderTest command;
  const Ran made = command.run({"up", "--name", "blue", "--privileged"});
  ASSERT_EQ(made.status, 0) << made;
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"up", "--name", "blue", "--privileged"},
                                                    std::vector<std::string>{"up", "--name", "blue"}}) {
    const Ran ran = command.run(arguments);
    EXPECT_EQ(ran.status, 0) << ran;
    EXPECT_THAT(ran.output, HasSubstr("reused"));
  }
}

// Only real root is told (ctest runs this as cli.as-root); the outside of such a lab is no router and takes in what is
// for nobody.
TEST(PrivilegedLab, DiagnosisTellsTheKernelsOwnReason) {
  if (const auto told = node::DropTrace::start({}); !told) GTEST_SKIP() << told.error().message();
  CommandUnderTest command;
  ASSERT_THAT(command.run({"up", "--name", "blue", "--privileged"}), HasStatus(0));
  const Ran ran = command.run({"diagnose", "--name", "blue", "--from", "node-1", "--to", "198.51.100.7"});
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_THAT(ran.output, HasSubstr("the kernel's own reason for dropping it, behind eth0: IP_INADDRERRORS"));
  EXPECT_THAT(command.run({"destroy", "--name", "blue"}), HasStatus(0));
}

}  // namespace
}  // namespace netns_lab::cli
