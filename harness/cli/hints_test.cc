// What a command says to do next must work when it is pasted as it stands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <ostream>
#include <sstream>

#include "harness/base/text.h"
#include "harness/cli/command_under_test.h"
#include "harness/cli/this_machine.h"

namespace netns_lab::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// Every "netns-lab …" of a text that goes on to its line's end: the words behind the program's name.
std::vector<std::vector<std::string>> commands_in(const std::string& text) {
  std::vector<std::vector<std::string>> commands;
  for (const std::string& line : split_lines(text)) {
    const std::size_t at = line.rfind(": ");
    const std::string command = at == std::string::npos ? "" : line.substr(line.find_first_not_of(' ', at + 1));
    if (!command.starts_with("netns-lab ")) continue;
    std::istringstream words(command.substr(10));
    commands.emplace_back(std::istream_iterator<std::string>(words), std::istream_iterator<std::string>());
  }
  return commands;
}

struct Place {
  std::string name;
  std::vector<std::string> options;
};
std::ostream& operator<<(std::ostream& out, const Place& row) { return out << row.name; }

class HintsOfRun : public testing::TestWithParam<Place> {};

TEST_P(HintsOfRun, WorkWhenTheyArePasted) {
  give_this_machine_an_uplink();
  CommandUnderTest command;
  std::vector<std::string> arguments{"run", "single-namespace", "--target", "native"};
  arguments.insert(arguments.end(), GetParam().options.begin(), GetParam().options.end());
  const Ran ran = command.run(arguments);
  ASSERT_EQ(ran.status, 0) << ran;
  const auto hints = commands_in(ran.output);
  EXPECT_THAT(hints, SizeIs(3)) << ran;  // look around, inside it, remove it
  for (const auto& hint : hints) {
    const Ran pasted = command.run(hint, "exit 0\n");
    EXPECT_EQ(pasted.status, 0) << join(hint, " ") << ": " << pasted;
  }
}

INSTANTIATE_TEST_SUITE_P(Command, HintsOfRun,
                         testing::Values(Place{"Sandbox", {}}, Place{"NamedSandbox", {"--name", "blue"}},
                                         Place{"Host", {"--lab", "host"}},
                                         Place{"NamedHost", {"--lab", "host", "--name", "blue"}}),
                         [](const testing::TestParamInfo<Place>& row) { return row.param.name; });

TEST(Run, SaysHowToRemoveWhatIsInTheWay) {
  give_this_machine_an_uplink();
  CommandUnderTest command;
  const std::vector<std::string> arguments{"run", "single-namespace", "--lab", "host", "--name", "blue"};
  ASSERT_THAT(command.run(arguments), HasStatus(0));
  const Ran again = command.run(arguments);
  EXPECT_EQ(again.status, 3) << again;
  EXPECT_THAT(again.errors, HasSubstr("netns-lab destroy --lab host --name blue"));
}

TEST(Run, TellsWhyAScriptFailedAndWhatToDo) {
  CommandUnderTest command;
  const std::string path =
      command.write("target/setup.sh",
                    "#!/bin/bash\nip netns add netns1\necho first\necho second >&2\necho third >&2\nexit 7\n", 0755);
  const Ran ran = command.run({"run", "single-namespace", "--target", "script:" + path, "--name", "blue"});
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_EQ(std::count(ran.errors.begin(), ran.errors.end(), '\n'), 1) << ran.errors;
  EXPECT_THAT(ran.errors,
              AllOf(HasSubstr(path), HasSubstr("setup.sh exited with status 7"), HasSubstr("second | third"),
                    HasSubstr("netns-lab shell --name blue"), HasSubstr("netns-lab destroy --name blue")));
}

TEST(Test, SaysHowToMakeTheLabThatIsNotUp) {
  give_this_machine_an_uplink();
  CommandUnderTest command;
  const Ran ran = command.run({"test", "single-namespace", "--target", "native", "--filter",
                               "single-namespace.host-link", "--lab", "host", "--name", "blue"});
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.errors, HasSubstr("netns-lab up --lab host --name blue makes it"));
  const Ran keeping = command.run({"test", "single-namespace", "--lab", "host", "--keep-on-failure"});
  EXPECT_EQ(keeping.status, 2) << keeping;
  EXPECT_THAT(keeping.errors, HasSubstr("netns-lab up --lab host --name netns-lab; then add --name netns-lab"));
}

class KeepOnFailure : public testing::Test {
 protected:
  KeepOnFailure() { EXPECT_EQ(command_.run({"up", "--name", "blue"}).status, 0); }
  Ran judge(const std::string& target) {
    return command_.run({"test", "single-namespace", "--target", target, "--name", "blue", "--keep-on-failure"});
  }
  CommandUnderTest command_;
};

TEST_F(KeepOnFailure, TellsWhatItKeptAndWhatToDoWithIt) {
  const Ran ran = judge("script:" + CommandUnderTest::fixture("broken/single-namespace/extra-route-on-the-node"));
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_THAT(ran.errors,
              AllOf(HasSubstr("kept"), HasSubstr("lab blue"), HasSubstr("namespace netns1"), HasSubstr("link veth1")));
  const auto hints = commands_in(ran.errors);
  EXPECT_THAT(hints, SizeIs(3)) << ran;
  for (const auto& hint : hints) {
    const Ran pasted = command_.run(hint, "exit 0\n");
    EXPECT_EQ(pasted.status, 0) << join(hint, " ") << ": " << pasted;
  }
}

TEST_F(KeepOnFailure, SaysNothingWhenNothingFailed) {
  const Ran ran = judge("script:" + CommandUnderTest::fixture("scenarios/single-namespace"));
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.errors, Not(HasSubstr("kept")));
}

}  // namespace
}  // namespace netns_lab::cli
