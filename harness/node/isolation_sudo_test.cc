// The stand-in for sudo, as scripts call it.
#include "harness/node/isolation_sudo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <ostream>

#include "harness/node/sandbox_fake_agent.h"

namespace netns_lab::node {
namespace {

struct Row {
  const char* name;
  const char* arguments;
  const char* prints;
};
void PrintTo(const Row& row, std::ostream* out) { *out << "sudo " << row.arguments; }

class Sudo : public ::testing::TestWithParam<Row> {
 protected:
  void SetUp() override {
    std::ofstream("/run/sudo") << kSudoScript;
    ASSERT_EQ(::chmod("/run/sudo", 0755), 0);
  }
  void TearDown() override { ::unlink("/run/sudo"); }
};

TEST_P(Sudo, RunsItsArgumentsAsTheyAre) {
  EXPECT_EQ(
      test::machine(std::string("SHELL=/bin/sh HOME=/somewhere CALLERS='a b'; export SHELL HOME CALLERS; /run/sudo ") +
                    GetParam().arguments),
      GetParam().prints);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Sudo,
    ::testing::Values(
        Row{"Plain", "echo a 'b  c'", "a b  c"}, Row{"NonInteractive", "-n echo a", "a"},
        Row{"Environment", "-E echo a", "a"}, Row{"Bundled", "-nEH echo a", "a"}, Row{"User", "-u root echo a", "a"},
        Row{"UserAttached", "-uroot echo a", "a"}, Row{"UserBundled", "-nu root echo a", "a"},
        Row{"UserByNumber", "-u '#0' echo a", "a"}, Row{"LongUser", "--user=root echo a", "a"},
        Row{"LongUserApart", "--user root echo a", "a"}, Row{"Group", "-g root echo a", "a"},
        Row{"DoubleDash", "-- echo -n a", "a"}, Row{"Assignment", "A='x y' sh -c 'echo \"$A\"'", "x y"},
        Row{"AssignmentBehindDoubleDash", "-E -- A=b sh -c 'echo $A'", "b"},
        Row{"ArgumentThatLooksLikeAnAssignment", "echo A=b", "A=b"}, Row{"OptionsOfTheCommand", "echo -u -x", "-u -x"},
        Row{"Shell", "-s echo 'a  b'", "a  b"}, Row{"Login", "-i echo a", "a"},
        Row{"Validate", "-v && echo fine", "fine"}, Row{"ForgetPassword", "-k echo a", "a"},
        Row{"ExitStatus", "sh -c 'exit 7'; echo $?", "7"},
        Row{"KeepsInput", "cat </etc/hostname >/dev/null && echo read", "read"},
        Row{"VariablesOfTheCaller", "sh -c 'echo \"<$CALLERS>\"'", "<>"},
        Row{"VariablesOfTheCallerKept", "-E sh -c 'echo \"<$CALLERS>\"'", "<a b>"},
        Row{"VariablesOfTheCallerKeptByALongOption", "--preserve-env sh -c 'echo \"<$CALLERS>\"'", "<a b>"},
        Row{"VariablesNamedAreKept", "--preserve-env=X,CALLERS,Y sh -c 'echo \"<$CALLERS>\"'", "<a b>"},
        Row{"VariablesAssignedAreNotThoseOfTheCaller", "A=b sh -c 'echo \"<$A$CALLERS>\"'", "<b>"},
        Row{"OptionsBehindAnAssignment", "A=b -E sh -c 'echo \"<$A$CALLERS>\"'", "<ba b>"},
        Row{"AllVariablesAndSome", "-E --preserve-env=X sh -c 'echo \"<$CALLERS>\"'", "<a b>"},
        Row{"SomeVariablesBehindAnAssignment", "A=b --preserve-env=X sh -c 'echo \"<$A$CALLERS>\"'", "<b>"},
        Row{"AVariableNamedAsOneOfItsOwn", "value=x A=b sh -c 'echo \"$A$value\"'", "bx"},
        Row{"AnAssignmentWithQuotes", "A='a\"b $HOME' sh -c 'echo \"$A\"'", "a\"b $HOME"},
        Row{"VariablesThatStay", "sh -c 'echo $HOME'", "/somewhere"},
        Row{"OtherUser", "-u nobody echo a; echo $?", "sudo (netns-lab): only root exists on this node, not nobody\n1"},
        Row{"UnknownOption", "-Z echo a; echo $?",
            "sudo (netns-lab): option -Z is not known here; known: -E -n -H -S -u -g -i -s -v -k\n1"},
        Row{"Nothing", "; echo $?", "sudo (netns-lab): nothing to run\n1"},
        Row{"NotFound", "/no/such/thing 2>/dev/null; echo $?", "127"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab::node
