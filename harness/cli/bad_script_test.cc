// Targets that misbehave: always a `fail` of theirs (status 1), never an `error` of ours, and nothing of them is left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>

#include "harness/cli/command_under_test.h"

namespace netns_lab::cli {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

std::string right_script() {
  std::ifstream file(CommandUnderTest::fixture("scenarios/single-namespace/setup.sh"));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  // The parameters come from the environment, too: a script of one file needs no env.sh.
  std::string alone = text;
  const std::string source = "source \"$(dirname \"$0\")/env.sh\"";
  alone.replace(alone.find(source), source.size(), ":");
  return alone;
}

struct BadScript {
  std::string name;
  std::string before;  // lines that run before the right steps
  std::string after;   // and after them
  std::string says;    // in the report
  std::vector<std::string> options = {};
};
std::ostream& operator<<(std::ostream& out, const BadScript& row) { return out << row.name; }

class MisbehavingScript : public testing::TestWithParam<BadScript> {};

TEST_P(MisbehavingScript, FailsAndLeavesNothing) {
  CommandUnderTest command;
  const std::string text = right_script();
  const std::size_t body = text.find('\n') + 1;
  const std::string path = command.write(
      "target/setup.sh", text.substr(0, body) + GetParam().before + "\n" + text.substr(body) + GetParam().after + "\n",
      0755);
  std::vector<std::string> arguments{"test", "single-namespace", "--target", "script:" + path};
  arguments.insert(arguments.end(), GetParam().options.begin(), GetParam().options.end());
  const Ran ran = command.run(arguments);
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_THAT(command.report_lines("<failure"), Contains(HasSubstr(GetParam().says)));
  EXPECT_THAT(command.report_lines("<error"), IsEmpty());
  EXPECT_THAT(CommandUnderTest::leavings(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Command, MisbehavingScript,
    testing::Values(
        BadScript{"ThatExitsWithAnError", "", "exit 7", "status 7"},
        BadScript{"ThatHangs", "sleep 600", "", "was stopped at its deadline", {"--timeout", "1"}},
        BadScript{"ThatHangsAndIgnoresSigterm",
                  "trap '' TERM; while :; do sleep 600; done",
                  "",
                  "was stopped at its deadline",
                  {"--timeout", "1"}},
        BadScript{"ThatForksADaemon", "", "setsid sleep 600 >/dev/null 2>&1 </dev/null &", "left processes running"},
        BadScript{"ThatPrintsAHundredMegabytes", "yes | head -c 100000000", "exit 1", "status 1"},
        BadScript{"ThatPrintsBinary", "head -c 100000 /dev/urandom; printf '\\377\\000\\033[31m'", "exit 1",
                  "status 1"},
        BadScript{"ThatBuildsOnlyHalf", "", "ip -n \"$CON\" address flush dev veth2", "veth2 lacks the address"},
        BadScript{"ThatBuildsNothing", "exit 0", "", "there is no /run/netns/netns1"},
        BadScript{"ThatIsKilled", "kill -9 $$", "", "SIGKILL"}),
    [](const testing::TestParamInfo<BadScript>& row) { return row.param.name; });

TEST(MisbehavingScript, TheRightOneIsConformant) {
  CommandUnderTest command;
  const std::string path = command.write("target/setup.sh", right_script(), 0755);
  const Ran ran = command.run({"test", "single-namespace", "--target", "script:" + path});
  EXPECT_EQ(ran.status, 0) << ran;
}

// The tutorial's route commands may fail; what ip said then is why the route is not there.
TEST(MisbehavingScript, WhatItPrintedIsToldOnceWhereItSaidThatAllWentWell) {
  CommandUnderTest command;
  const std::string path = command.write(
      "target/setup.sh", right_script() + "ip link set nosuch up || true\nip route del 10.200.1.1\n", 0755);
  const Ran ran = command.run({"test", "single-namespace", "--target", "script:" + path});
  EXPECT_EQ(ran.status, 1) << ran;
  const std::string words = "The target reported success, and printed: Cannot find device";
  const std::size_t first = ran.output.find(words);
  EXPECT_NE(first, std::string::npos) << ran;
  EXPECT_EQ(ran.output.find(words, first + 1), std::string::npos) << "twice: " << ran;
}

// Of nothing that was built nothing is left: that is no proof of a tear-down.
TEST(MisbehavingScript, ThatFailsIsNotTornDownRightWhateverTheFilterLeavesOut) {
  CommandUnderTest command;
  const std::string path = command.write("target/setup.sh", "#!/bin/bash\necho no; exit 7\n", 0755);
  const std::vector<std::string> judge = {"test", "single-namespace", "--target", "script:" + path, "--filter"};
  const auto filtered = [&](const std::string& filter) {
    std::vector<std::string> words = judge;
    words.push_back(filter);
    return command.run(words);
  };
  const Ran ran = filtered("single-namespace.tear-down");
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_THAT(ran.output, HasSubstr("the build before it failed: setup.sh exited with status 7"));
  const Ran others = filtered("single-namespace.no-other-links");
  EXPECT_THAT(others.output,
              HasSubstr("the target did not report success, which single-namespace.build is about and the filter left "
                        "out: setup.sh exited with status 7"))
      << others;
}

// A right one that fails once, on the fresh node, where there was nothing before.
TEST(MisbehavingScript, ThatFailsNowAndThenIsFound) {
  CommandUnderTest command;
  const std::string path =
      command.write("target/setup.sh",
                    "#!/bin/bash\nip link show vethbystander >/dev/null 2>&1 && [ ! -e /home/ubuntu/.once ] && { touch "
                    "/home/ubuntu/.once; exit 9; }\n" +
                        right_script() + "rm -f /home/ubuntu/.once\n",
                    0755);
  command.write("target/teardown.sh", "#!/bin/bash\nip netns delete \"$CON\" 2>/dev/null || true\n", 0755);
  const Ran ran = command.run({"test", "single-namespace", "--target", "script:" + path});
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_THAT(ran.output, HasSubstr("the build before it failed: setup.sh exited with status 9"));
}

// The files beside a script are its own: that it makes them executable harms nobody, that others may write them does.
TEST(MisbehavingScript, ThatMakesTheFilesBesideItExecutableIsConformant) {
  CommandUnderTest command;
  std::filesystem::copy(CommandUnderTest::fixture("scenarios/single-namespace"), command.folder() + "/target");
  std::ifstream file(command.folder() + "/target/setup.sh");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto judge = [&](const std::string& line) {
    command.write("target/setup.sh", text + "\n" + line + "\n", 0755);
    return command.run({"test", "single-namespace", "--target", "script:" + command.folder() + "/target"});
  };
  EXPECT_THAT(judge("chmod +x /home/ubuntu/*.sh"), HasStatus(0));
  const Ran open = judge("chmod 666 /home/ubuntu/env.sh");
  EXPECT_EQ(open.status, 1) << open;
  EXPECT_THAT(open.output, HasSubstr("/home/ubuntu/env.sh (mode 666, it was "));
}

// It has to live beside what others have on a node.
TEST(MisbehavingScript, ThatCountsWhatOthersHaveIsToldWhatTheyHave) {
  CommandUnderTest command;
  const std::string path = command.write("target/setup.sh", right_script(), 0755);
  command.write("target/teardown.sh", "#!/bin/bash\nip netns delete \"$CON\"\n[ -z \"$(ip netns list)\" ]\n", 0755);
  const Ran ran = command.run({"test", "single-namespace", "--target", "script:" + path});
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_THAT(ran.output, HasSubstr("others have something, too, as on any machine: namespace netns-lab-bystander"));
}

struct Unusable {
  std::string name;
  std::string file;
  int mode;
  std::string target;  // "FOLDER" stands for the test's folder
  std::string says;
};
std::ostream& operator<<(std::ostream& out, const Unusable& row) { return out << row.name; }

class UnusableScript : public testing::TestWithParam<Unusable> {};

TEST_P(UnusableScript, IsRefusedBeforeALabIsMade) {
  CommandUnderTest command;
  if (!GetParam().file.empty()) command.write(GetParam().file, "#!/bin/bash\n", GetParam().mode);
  const Ran ran =
      command.run({"test", "single-namespace", "--target", "script:" + command.folder() + "/" + GetParam().target});
  EXPECT_EQ(ran.status, 2) << ran;
  EXPECT_THAT(ran.errors, AllOf(HasSubstr(GetParam().target), HasSubstr(GetParam().says)));
  EXPECT_THAT(ran.output, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Command, UnusableScript,
                         testing::Values(Unusable{"Missing", "", 0, "nosuch.sh", "nosuch.sh"},
                                         Unusable{"FolderWithoutSetup", "empty/readme", 0644, "empty", "setup.sh"},
                                         Unusable{"NotExecutable", "plain/setup.sh", 0644, "plain", "chmod"}),
                         [](const testing::TestParamInfo<Unusable>& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab::cli
