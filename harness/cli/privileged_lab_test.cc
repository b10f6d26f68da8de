// A standing lab gives the privilege that is asked for, or the command says that it does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/cli/command_under_test.h"

namespace netns_lab::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Up, DoesNotPassAnUnprivilegedLabOffAsAPrivilegedOne) {
  CommandUnderTest command;
  ASSERT_EQ(command.run({"up", "--name", "blue"}).status, 0);
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

}  // namespace
}  // namespace netns_lab::cli
