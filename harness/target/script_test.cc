#include "harness/target/script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "harness/target/fake_node.h"

namespace netns_lab {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

// A folder of a script target, and an empty /home/ubuntu to run it in.
class ScriptTargetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::mount("tmpfs", "/home", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"), 0);
    fs::create_directories("/home/ubuntu");
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { ::umount2("/home", MNT_DETACH); }

  void write(const std::string& name, const std::string& text, mode_t mode = 0755) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  std::unique_ptr<Target> load(const std::string& path) {
    Result<LoadedTarget> loaded = load_target("script:" + path);
    if (!loaded) throw std::runtime_error(loaded.error().message());
    return std::move(loaded->target);
  }
  BuildTask task() {
    BuildTask task;
    task.parameters = {{"CON", "netns1"}, {"IP", "10.200.1.9"}};
    task.topology.namespaces = {"netns1"};
    task.topology.links = {"veth1"};
    Attachment attachment;
    attachment.network_namespace = "netns1";
    attachment.host_link = "veth1";
    attachment.container_link = "veth2";
    task.topology.attachments = {attachment};
    task.step_limit = milliseconds(20'000);
    return task;
  }
  TargetOutcome build(const BuildTask& task) {
    test_support::FakeNode fake;
    const Result<TargetOutcome> outcome = load(folder_)->build(fake.node(), task);
    EXPECT_TRUE(outcome.has_value()) << outcome.error();
    return outcome ? *outcome : TargetOutcome{};
  }

  const fs::path folder_ = "/run/script-target";
};

TEST_F(ScriptTargetTest, RunsAScriptOfTheTutorialsFormUnchanged) {
  write("env.sh", "export CON=netns1\nexport IP=10.200.1.1  # the container\nOTHER='a b'\n", 0644);
  write("setup.sh",
        "#!/bin/bash -e\n. /home/ubuntu/env.sh\necho $CON $IP $OTHER $PWD $0\nsource /home/ubuntu/lib/more.sh\n");
  write("lib/more.sh", "echo more\n", 0600);
  const TargetOutcome outcome = build(task());
  EXPECT_TRUE(outcome.succeeded) << outcome.failure << outcome.output;
  EXPECT_EQ(outcome.output, "netns1 10.200.1.9 a b /home/ubuntu /home/ubuntu/setup.sh\nmore\n");
  EXPECT_EQ(outcome.failure, "");
  EXPECT_EQ(fs::status("/home/ubuntu/lib/more.sh").permissions(), static_cast<fs::perms>(0600));
}

TEST_F(ScriptTargetTest, GivesTheParametersAsEnvironmentAndAsEnvFileWhenThereIsNone) {
  write("setup.sh", "#!/bin/bash\necho $CON $IP; CON=; . /home/ubuntu/env.sh; echo $CON\n");
  EXPECT_EQ(build(task()).output, "netns1 10.200.1.9\nnetns1\n");
}

TEST_F(ScriptTargetTest, HonoursTheFlagsOfTheInterpreterLineAndDoesWithoutOne) {
  write("setup.sh", "#!/bin/bash -e\nfalse\necho not reached\n");
  TargetOutcome outcome = build(task());
  EXPECT_FALSE(outcome.succeeded);
  EXPECT_EQ(outcome.output, "");
  write("setup.sh", "[[ -n $BASH_VERSION ]] && echo bash\n");
  outcome = build(task());
  EXPECT_TRUE(outcome.succeeded) << outcome.failure;
  EXPECT_EQ(outcome.output, "bash\n");
}

TEST_F(ScriptTargetTest, TakesAScriptByItsNameWithTheFilesBesideIt) {
  write("mine.sh", "#!/bin/bash\n. /home/ubuntu/helper\n");
  write("helper", "echo helped\n", 0644);
  test_support::FakeNode fake;
  const auto outcome = load(folder_ / "mine.sh")->build(fake.node(), task());
  ASSERT_TRUE(outcome.has_value()) << outcome.error();
  EXPECT_EQ(outcome->output, "helped\n");
}

struct FailureCase {
  std::string name;
  std::string script;
  std::string failure;
  std::string output;
};
std::ostream& operator<<(std::ostream& out, const FailureCase& row) { return out << row.script; }

class ScriptFailure : public ScriptTargetTest, public ::testing::WithParamInterface<FailureCase> {};

TEST_P(ScriptFailure, IsTheTargetsWithItsOutput) {
  write("setup.sh", GetParam().script);
  BuildTask limited = task();
  limited.step_limit = milliseconds(1500);
  const TargetOutcome outcome = build(limited);
  EXPECT_FALSE(outcome.succeeded);
  EXPECT_THAT(outcome.failure, HasSubstr(GetParam().failure));
  EXPECT_THAT(outcome.failure, Not(HasSubstr("\n"))) << "one line";
  EXPECT_THAT(outcome.output, HasSubstr(GetParam().output));
  EXPECT_LT(outcome.output.size(), 10'000U);
  EXPECT_EQ(outcome.processes_left, GetParam().name == "Daemon");
}

INSTANTIATE_TEST_SUITE_P(
    OfAScript, ScriptFailure,
    ::testing::Values(
        FailureCase{"Status", "#!/bin/bash\necho out; echo why >&2; exit 2\n", "setup.sh exited with status 2",
                    "out\nwhy\n"},
        FailureCase{"CommandNotFound", "#!/bin/bash -e\nnosuchcommand\n",
                    "exited with status 127 (bash: a command was not found)", "nosuchcommand: command not found"},
        FailureCase{"Signal", "#!/bin/bash\nkill -SEGV $$\n", "setup.sh was killed by SIGSEGV", ""},
        FailureCase{"Hangs", "#!/bin/bash\necho begun; sleep 1000\n", "setup.sh was stopped at its deadline, after 1.",
                    "begun"},
        FailureCase{"Daemon", "#!/bin/bash\necho done; setsid sleep 1000 &\n",
                    "setup.sh ended, but left processes running (a daemon?); they were killed: sleep 1000", "done"},
        FailureCase{"NoInterpreter", "#!/nonexistent/bash\n", "interpreter that its #! line names is not", ""},
        FailureCase{"WindowsLines", "#!/bin/bash\r\nexit 0\r\n", "its lines end in CR LF", ""},
        FailureCase{"WindowsLinesButTheFirst", "#!/bin/bash\nexit 3\r\n:\r\n", "its lines end in CR LF", ""},
        FailureCase{"WindowsLinesWithoutInterpreter", "exit 0\r\n", "its lines end in CR LF", ""},
        FailureCase{"MuchOutput",
                    "#!/bin/bash\nhead -c 100000000 /dev/zero | tr '\\0' x; echo; echo last words >&2; exit 1\n",
                    "exited with status 1", "last words"},
        FailureCase{"BinaryOutput", "#!/bin/bash\nprintf '\\377\\000\\033[31m'; exit 1\n", "exited with status 1",
                    "\\xFF\\x00\\x1B[31m"}),
    [](const auto& row) { return row.param.name; });

TEST_F(ScriptTargetTest, OneWindowsLineInAHereDocumentIsNobodysFault) {
  write("setup.sh", "#!/bin/bash\ncat <<E\nGET / HTTP/1.0\r\nE\nexit 3\n");
  EXPECT_EQ(build(task()).failure, "setup.sh exited with status 3");
}

TEST_F(ScriptTargetTest, SaysWhatItLeftOutOfLongOutput) {
  write("setup.sh", "#!/bin/bash\necho first; head -c 100000 /dev/zero | tr '\\0' x; echo; echo last\n");
  const TargetOutcome outcome = build(task());
  EXPECT_TRUE(outcome.succeeded);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("first\n"), HasSubstr("bytes left out)"), EndsWith("last\n")));
}

TEST_F(ScriptTargetTest, KeepsTheEndOfMuchOutputAndCountsTheRest) {
  write("setup.sh", "#!/bin/bash\necho first; head -c 1000000 /dev/zero | tr '\\0' x; echo; echo last\n");
  const TargetOutcome outcome = build(task());
  EXPECT_TRUE(outcome.succeeded);
  // 1,000,012 bytes; 4,096 of them are shown.
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("first\n"), HasSubstr("(995916 bytes left out)"), EndsWith("last\n")));
}

TEST_F(ScriptTargetTest, TakesDownByItsOwnScript) {
  write("setup.sh", "#!/bin/bash\n");
  write("teardown.sh", "#!/bin/bash\n. /home/ubuntu/env.sh\necho gone: $CON\n");
  test_support::FakeNode fake;
  const auto outcome = load(folder_)->tear_down(fake.node(), task());
  ASSERT_TRUE(outcome.has_value()) << outcome.error();
  EXPECT_TRUE(outcome->succeeded) << outcome->failure;
  EXPECT_EQ(outcome->output, "gone: netns1\n");
}

TEST_F(ScriptTargetTest, DeletesWhatIsDeclaredWhenThereIsNoTeardownScriptAndSaysSo) {
  write("setup.sh", "#!/bin/bash\n");
  Snapshot now;
  NamespaceState own;
  Link veth1;
  veth1.name = "veth1";
  own.links = {veth1};
  now.namespaces = {own};
  NamespaceEntry entry;
  entry.name = "netns1";
  now.entries = {entry};
  test_support::FakeNode fake({{"snapshot", [&](const nlohmann::json&) { return Result<nlohmann::json>(now); }}});
  const auto outcome = load(folder_)->tear_down(fake.node(), task());
  ASSERT_TRUE(outcome.has_value()) << outcome.error();
  EXPECT_TRUE(outcome->succeeded);
  EXPECT_THAT(outcome->output, AllOf(HasSubstr("no teardown.sh"), HasSubstr("link veth1, namespace netns1")));
  nlohmann::json applied;
  for (const auto& [operation, arguments] : fake.finish()) {
    if (operation == "apply") applied = arguments;
  }
  EXPECT_EQ(applied.get<protocol::ApplyRequest>().changes,
            (std::vector<Change>{DeleteLink{"", "veth1"}, DeleteNamespace{"netns1"}}));
}

TEST_F(ScriptTargetTest, DeletesNothingThatIsNotThere) {
  write("setup.sh", "#!/bin/bash\n");
  test_support::FakeNode fake;
  const auto outcome = load(folder_)->tear_down(fake.node(), task());
  ASSERT_TRUE(outcome.has_value()) << outcome.error();
  EXPECT_THAT(outcome->output, HasSubstr("nothing was there"));
  for (const auto& [operation, arguments] : fake.finish()) EXPECT_NE(operation, "apply");
}

TEST_F(ScriptTargetTest, ALostLabIsAnErrorAndNeverTheTargetsFailure) {
  write("setup.sh", "#!/bin/bash\n");
  const auto lost = [](const nlohmann::json&) {
    return Result<nlohmann::json>(tl::unexpected(Error::lost("run", "the agent died")));
  };
  for (const std::string operation : {"put", "run", "read"}) {
    test_support::FakeNode fake({{operation, lost}});
    const auto outcome = load(folder_)->build(fake.node(), task());
    ASSERT_FALSE(outcome.has_value()) << operation;
    EXPECT_EQ(outcome.error().kind, ErrorKind::kLost);
  }
}

TEST_F(ScriptTargetTest, AMachineWithoutRoomForAProcessIsAnErrorAndNeverTheTargetsFailure) {
  write("setup.sh", "#!/bin/bash\n");
  const auto full = [](const nlohmann::json&) -> Result<nlohmann::json> {
    protocol::ReadReply reply;
    reply.end = true;
    reply.command = protocol::CommandEnd{
        .how = protocol::CommandEnd::How::kNotStarted, .code = EAGAIN, .reason = "fork: EAGAIN", .descendants = {}};
    return nlohmann::json(reply);
  };
  test_support::FakeNode fake({{"read", full}});
  const auto outcome = load(folder_)->build(fake.node(), task());
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().system_errno, EAGAIN);
  EXPECT_THAT(outcome.error().message(), HasSubstr("start setup.sh"));
}

TEST_F(ScriptTargetTest, SupportsIpv4Only) {
  write("setup.sh", "#!/bin/bash\n");
  EXPECT_THAT(load(folder_)->families(), ElementsAre(Family::kIpv4));
  EXPECT_EQ(load(folder_)->name(), "script:/run/script-target");
}

}  // namespace
}  // namespace netns_lab
