// The driver against a double at the command seam: what it asks of multipass, in which order, and what it makes of the
// answers. The answers are written after the documented forms; no multipass runs here.
#include "harness/lab/multipass/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

namespace netns_lab::multipass {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::InSequence;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Return;
using ::testing::StrictMock;

class MockRunner : public CommandRunner {
 public:
  MOCK_METHOD(Result<process::CommandOutcome>, run, (process::Command command), (override));
};

process::CommandOutcome exited(int code, std::string output, std::string errors = "") {
  process::CommandOutcome outcome;
  outcome.output = std::move(output);
  outcome.errors = std::move(errors);
  outcome.end.how = process::CommandEnd::How::kExited;
  outcome.end.code = code;
  return outcome;
}
process::CommandOutcome guest_exited(int status, const std::string& output) {
  return exited(status, output + "\nnetns-lab-guest-status " + std::to_string(status) + "\n");
}
process::CommandOutcome timed_out() {
  process::CommandOutcome outcome = exited(15, "", "");
  outcome.end.how = process::CommandEnd::How::kTimedOut;
  return outcome;
}
process::CommandOutcome not_installed() {
  process::CommandOutcome outcome = exited(ENOENT, "");
  outcome.end.how = process::CommandEnd::How::kNotStarted;
  outcome.end.reason = "execute multipass: ENOENT (No such file or directory)";
  return outcome;
}
process::CommandOutcome no_such_instance() { return exited(2, "", "info failed: instance \"lab\" does not exist\n"); }
process::CommandOutcome is(const std::string& state) {
  return exited(0, R"({"errors":[],"info":{"lab":{"state":")" + state + R"("}}})");
}
process::CommandOutcome version_1_13() { return exited(0, R"({"multipass":"1.13.1","multipassd":"1.13.1"})"); }

// The words of a command after "multipass".
MATCHER_P(Multipass, arguments, "is multipass with " + testing::PrintToString(arguments)) {
  return arg.argv.size() == arguments.size() + 1 && arg.argv.front() == "multipass" &&
         std::equal(arguments.begin(), arguments.end(), arg.argv.begin() + 1);
}
auto multipass(std::vector<std::string> arguments) { return Multipass(std::move(arguments)); }
MATCHER_P(SubCommand, word, std::string("is multipass ") + word) {
  return arg.argv.size() > 1 && arg.argv[0] == "multipass" && arg.argv[1] == word;
}

class DriverOverMock : public testing::Test {
 protected:
  void expect(const testing::Matcher<process::Command>& command, process::CommandOutcome outcome) {
    EXPECT_CALL(runner_, run(command)).WillOnce(Return(Result<process::CommandOutcome>(std::move(outcome))));
  }
  void expect_cloud_init(process::CommandOutcome outcome) {
    expect(testing::ResultOf([](const process::Command& command) { return command.argv; },
                             AllOf(Contains("exec"), Contains("cloud-init"), Contains("--wait"))),
           std::move(outcome));
  }
  Driver driver() { return Driver(runner_, {{"PATH", "/snap/bin"}}, Deadline::never()); }
  Result<Readiness> make_ready() {
    InstanceSpec spec;
    spec.name = "lab";
    spec.cloud_init = "#cloud-config\n";
    return driver().make_ready(spec, [this]() -> Result<void> {
      ++told_before_launch_;
      return {};
    });
  }
  InSequence in_sequence_;
  StrictMock<MockRunner> runner_;
  int told_before_launch_ = 0;
};

std::vector<std::string> launch_with(const std::string& memory) {
  return {"launch", "22.04", "--name", "lab", memory, "1G", "--disk", "5G", "--timeout", "600", "--cloud-init", "-"};
}

TEST_F(DriverOverMock, LaunchesWhatIsNotThereAndSaysSoBeforehand) {
  expect(multipass({"version", "--format", "json"}), version_1_13());
  expect(multipass({"info", "lab", "--format", "json"}), no_such_instance());
  expect(AllOf(multipass(launch_with("--memory")), testing::Field(&process::Command::standard_input, "#cloud-config\n"),
               testing::Field(&process::Command::working_directory, "/")),
         exited(0, "Launched: lab\n"));
  expect(SubCommand("info"), is("Running"));
  expect_cloud_init(guest_exited(0, "status: done\n"));
  const auto ready = make_ready();
  ASSERT_TRUE(ready.has_value()) << ready.error();
  EXPECT_TRUE(ready->launched);
  EXPECT_THAT(ready->remarks, IsEmpty());
  EXPECT_EQ(told_before_launch_, 1);
}

TEST_F(DriverOverMock, NothingIsLaunchedWhenItCannotBeRemembered) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), no_such_instance());
  InstanceSpec spec;
  spec.name = "lab";
  const auto ready =
      driver().make_ready(spec, []() -> Result<void> { return tl::unexpected(Error::system("write a file", ENOSPC)); });
  ASSERT_FALSE(ready.has_value());
  EXPECT_EQ(ready.error().system_errno, ENOSPC);
}

TEST_F(DriverOverMock, FallsBackToTheMemoryOptionOf1_10) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), no_such_instance());
  expect(multipass(launch_with("--memory")), exited(1, "", "Unknown option 'memory'.\n"));
  expect(multipass(launch_with("--mem")), exited(0, "Launched: lab\n"));
  expect(SubCommand("info"), is("Running"));
  expect_cloud_init(guest_exited(0, ""));
  const auto ready = make_ready();
  ASSERT_TRUE(ready.has_value()) << ready.error();
  EXPECT_TRUE(ready->launched);
}

TEST_F(DriverOverMock, ReusesARunningInstance) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), is("Running"));
  expect_cloud_init(guest_exited(0, ""));
  const auto ready = make_ready();
  ASSERT_TRUE(ready.has_value()) << ready.error();
  EXPECT_FALSE(ready->launched);
  EXPECT_EQ(told_before_launch_, 0);
}

class DriverStarts : public DriverOverMock, public testing::WithParamInterface<const char*> {};
TEST_P(DriverStarts, WhatDoesNotRun) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), is(GetParam()));
  expect(multipass({"start", "lab", "--timeout", "180"}), exited(0, ""));
  expect(SubCommand("info"), is("Running"));
  expect_cloud_init(guest_exited(0, ""));
  const auto ready = make_ready();
  ASSERT_TRUE(ready.has_value()) << ready.error();
  EXPECT_FALSE(ready->launched);
}
INSTANTIATE_TEST_SUITE_P(States, DriverStarts,
                         testing::Values("Stopped", "Suspended", "Suspending", "Starting", "Restarting",
                                         "Delayed Shutdown", "Unknown", "Hibernating"),
                         [](const auto& row) {
                           std::string name = row.param;
                           std::erase(name, ' ');
                           return name;
                         });

TEST_F(DriverOverMock, RecoversADeletedInstanceWithAClearWord) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), is("Deleted"));
  expect(multipass({"recover", "lab"}), exited(0, ""));
  expect(SubCommand("start"), exited(0, ""));
  expect(SubCommand("info"), is("Running"));
  expect_cloud_init(guest_exited(0, ""));
  const auto ready = make_ready();
  ASSERT_TRUE(ready.has_value()) << ready.error();
  EXPECT_FALSE(ready->launched);
  EXPECT_THAT(ready->remarks, ElementsAre(AllOf(HasSubstr("recovered"), HasSubstr("multipass delete --purge lab"))));
}

TEST_F(DriverOverMock, AnUnavailableInstanceIsRefusedUntouched) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), is("Unavailable"));
  const auto ready = make_ready();
  ASSERT_FALSE(ready.has_value());
  EXPECT_EQ(ready.error().kind, ErrorKind::kMissing);
  EXPECT_THAT(ready.error().message(), AllOf(HasSubstr("Unavailable"), HasSubstr("multipass info lab")));
}

struct TimeOutRow {
  const char* name;
  process::CommandOutcome outcome;
};
class LaunchThatTimesOut : public DriverOverMock, public testing::WithParamInterface<TimeOutRow> {};

TEST_P(LaunchThatTimesOut, IsNotBelievedAndTheInstanceIsAdoptedAndAwaited) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), no_such_instance());
  expect(SubCommand("launch"), GetParam().outcome);
  expect(SubCommand("info"), is("Running"));
  expect(SubCommand("info"), is("Running"));
  expect_cloud_init(guest_exited(0, "status: done\n"));
  const auto ready = make_ready();
  ASSERT_TRUE(ready.has_value()) << ready.error();
  EXPECT_TRUE(ready->launched);
  EXPECT_THAT(ready->remarks, ElementsAre(HasSubstr("timed out")));
}
TEST_P(LaunchThatTimesOut, IsAnErrorWhenTheInstanceIsNotThere) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), no_such_instance());
  expect(SubCommand("launch"), GetParam().outcome);
  expect(SubCommand("info"), no_such_instance());
  const auto ready = make_ready();
  ASSERT_FALSE(ready.has_value());
  EXPECT_EQ(ready.error().kind, ErrorKind::kTimeout);
  EXPECT_THAT(ready.error().message(), AllOf(HasSubstr("launch instance lab"), HasSubstr("multipass launch 22.04")));
}
INSTANTIATE_TEST_SUITE_P(
    Rows, LaunchThatTimesOut,
    testing::Values(TimeOutRow{"ByItsStatus", exited(5, "", "")},
                    TimeOutRow{"ByItsWords",
                               exited(2, "", "launch failed: timed out waiting for initialization to complete\n")},
                    TimeOutRow{"ByOurLimit", timed_out()}),
    [](const auto& row) { return row.param.name; });

TEST_F(DriverOverMock, AStartThatTimesOutIsNotBelieved) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), is("Stopped"));
  expect(SubCommand("start"), exited(5, "", "start failed: timed out waiting for response"));
  expect(SubCommand("info"), is("Running"));
  expect_cloud_init(guest_exited(0, ""));
  EXPECT_TRUE(make_ready().has_value());
}

TEST_F(DriverOverMock, AStartThatSucceedsIsNotBelievedEither) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), is("Stopped"));
  expect(SubCommand("start"), exited(0, ""));
  expect(SubCommand("info"), is("Stopped"));
  const auto ready = make_ready();
  ASSERT_FALSE(ready.has_value());
  EXPECT_THAT(ready.error().message(), AllOf(HasSubstr("start lab"), HasSubstr("Stopped")));
}

// Every failure names the command, how it ended, what it printed and the way out.
struct FailureRow {
  const char* name;
  const char* at;  // the sub-command that fails
  process::CommandOutcome outcome;
  ErrorKind kind;
  std::vector<std::string> told;
};
std::ostream& operator<<(std::ostream& out, const FailureRow& row) { return out << row.name; }

class Failure : public testing::TestWithParam<FailureRow> {};

TEST_P(Failure, NamesTheCommandItsStatusItsWordsAndTheWayOut) {
  const FailureRow& row = GetParam();
  testing::NiceMock<MockRunner> runner;
  int failures = 0;
  ON_CALL(runner, run(_)).WillByDefault([&](const process::Command& command) -> Result<process::CommandOutcome> {
    const std::string& word = command.argv.at(1);
    if (word == row.at) {
      ++failures;
      return row.outcome;
    }
    if (word == "version") return version_1_13();
    if (word == "info") return no_such_instance();
    return exited(0, "");
  });
  Driver driver(runner, {}, Deadline::never());
  InstanceSpec spec;
  spec.name = "lab";
  const auto ready = driver.make_ready(spec, [] { return Result<void>(); });
  EXPECT_EQ(failures, 1);
  ASSERT_FALSE(ready.has_value());
  EXPECT_EQ(ready.error().kind, row.kind) << ready.error();
  for (const std::string& told : row.told) EXPECT_THAT(ready.error().message(), HasSubstr(told));
  EXPECT_NE(ready.error().remedy, "");
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Failure,
    testing::Values(
        FailureRow{"NotInstalled",
                   "version",
                   not_installed(),
                   ErrorKind::kMissing,
                   {"not installed", "ENOENT", "snap install multipass", "--lab qemu"}},
        FailureRow{"DaemonDown",
                   "version",
                   exited(0, R"({"multipass":"1.13.1"})"),
                   ErrorKind::kMissing,
                   {"multipass version --format json", "1.13.1", "does not answer", "snap start multipass"}},
        FailureRow{"VersionIsNoAnswer",
                   "version",
                   exited(1, "", "error while loading shared libraries"),
                   ErrorKind::kLost,
                   {"multipass version", "exited with status 1", "shared libraries"}},
        FailureRow{"DaemonDownAtInfo",
                   "info",
                   exited(2, "", "info failed: cannot connect to the multipass socket\n"),
                   ErrorKind::kMissing,
                   {"multipass info lab", "exited with status 2", "cannot connect", "snap start multipass"}},
        FailureRow{
            "NotAuthenticated",
            "info",
            exited(2, "",
                   "info failed: The user is not authenticated with the Multipass service.\n\nPlease "
                   "authenticate before proceeding (e.g. via 'multipass authenticate').\n"),
            ErrorKind::kMissing,
            {"multipass info lab", "exited with status 2", "The user is not authenticated", "multipass authenticate"}},
        FailureRow{"NameTaken",
                   "launch",
                   exited(2, "", "launch failed: instance \"lab\" already exists\n"),
                   ErrorKind::kTaken,
                   {"multipass launch 22.04 --name lab", "exited with status 2", "already exists",
                    "multipass delete --purge NAME"}},
        FailureRow{"DiskFull",
                   "launch",
                   exited(2, "", "launch failed: No space left on device\n"),
                   ErrorKind::kMissing,
                   {"multipass launch", "exited with status 2", "No space left", "multipass purge"}},
        FailureRow{"DiskShort",
                   "launch",
                   exited(2, "", "launch failed: Available disk (1 bytes) below minimum for this image (2 bytes)\n"),
                   ErrorKind::kMissing,
                   {"multipass launch", "below minimum", "multipass purge"}},
        FailureRow{"NoSuchImage",
                   "launch",
                   exited(2, "", "launch failed: Unable to find an image matching \"22.04\"\n"),
                   ErrorKind::kInvalid,
                   {"multipass launch", "Unable to find an image", "multipass find"}},
        FailureRow{"NoHardware",
                   "launch",
                   exited(2, "", "launch failed: KVM support is not enabled on this machine."),
                   ErrorKind::kMissing,
                   {"KVM support", "--lab qemu"}},
        FailureRow{"NoNetwork",
                   "launch",
                   exited(2, "", "launch failed: failed to download from 'image'"),
                   ErrorKind::kMissing,
                   {"failed to download", "network"}},
        FailureRow{"UnknownWords",
                   "launch",
                   exited(3, "", "launch failed: the moon\n"),
                   ErrorKind::kLost,
                   {"multipass launch", "exited with status 3", "the moon", "multipass list"}},
        FailureRow{"NoWords",
                   "launch",
                   exited(3, ""),
                   ErrorKind::kLost,
                   {"multipass launch", "exited with status 3", "printed nothing"}}),
    [](const auto& row) { return row.param.name; });

// cloud-init's verdict is the guest's, not multipass's.
TEST_F(DriverOverMock, CloudInitThatFailedIsAnErrorWithTheWayToItsLog) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), is("Running"));
  expect_cloud_init(guest_exited(1, "status: error\n"));
  const auto ready = make_ready();
  ASSERT_FALSE(ready.has_value());
  EXPECT_THAT(ready.error().message(),
              AllOf(HasSubstr("in the guest"), HasSubstr("status: error"), HasSubstr("cloud-init-output.log")));
}
TEST_F(DriverOverMock, CloudInitThatRecoveredIsToldAndGoneOnWith) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), is("Running"));
  expect_cloud_init(guest_exited(2, "status: done\n"));
  const auto ready = make_ready();
  ASSERT_TRUE(ready.has_value()) << ready.error();
  EXPECT_THAT(ready->remarks, ElementsAre(HasSubstr("recovered from")));
}
TEST_F(DriverOverMock, CloudInitThatDoesNotEndIsATimeOut) {
  expect(SubCommand("version"), version_1_13());
  expect(SubCommand("info"), is("Running"));
  expect_cloud_init(timed_out());
  const auto ready = make_ready();
  ASSERT_FALSE(ready.has_value());
  EXPECT_EQ(ready.error().kind, ErrorKind::kTimeout);
  EXPECT_THAT(ready.error().message(), HasSubstr("cloud-init status --wait"));
}

struct GuestRow {
  const char* name;
  process::CommandOutcome outcome;
  int want;  // the guest's status; -1: multipass failed
};
class GuestStatus : public testing::TestWithParam<GuestRow> {};

TEST_P(GuestStatus, IsToldFromMultipasssOwn) {
  testing::StrictMock<MockRunner> runner;
  EXPECT_CALL(runner, run(_)).WillOnce(Return(Result<process::CommandOutcome>(GetParam().outcome)));
  Driver driver(runner, {}, Deadline::never());
  const auto outcome = driver.run_in_guest("lab", {"false"}, std::chrono::seconds(1));
  EXPECT_EQ(outcome ? outcome->status : -1, GetParam().want);
  if (!outcome) {
    EXPECT_THAT(outcome.error().message(), HasSubstr("multipass exec lab"));
  }
}
INSTANTIATE_TEST_SUITE_P(
    Rows, GuestStatus,
    testing::Values(GuestRow{"GuestSucceeded", guest_exited(0, "x"), 0},
                    GuestRow{"GuestSaidOne", guest_exited(1, ""), 1}, GuestRow{"GuestSaidFive", guest_exited(5, ""), 5},
                    GuestRow{"MultipassSaidTwo", exited(2, "", "exec failed: instance \"lab\" does not exist"), -1},
                    GuestRow{"MultipassSaidFive", exited(5, "", "exec failed: timed out"), -1},
                    GuestRow{"NothingArrived", exited(0, ""), -1},
                    GuestRow{"CutInTheStatus", exited(0, "\nnetns-lab-guest-status 1"), -1},
                    GuestRow{"StatusIsNoNumber", exited(0, "\nnetns-lab-guest-status x\n"), -1},
                    GuestRow{"StatusIsTooLarge", exited(0, "\nnetns-lab-guest-status 256\n"), -1},
                    GuestRow{"StatusInTheMiddle", exited(0, "\nnetns-lab-guest-status 0\nmore\n"), -1}),
    [](const auto& row) { return row.param.name; });

TEST_F(DriverOverMock, GivesExecAnEmptyInputAndTheGuestsArgumentsAsTheyAre) {
  process::Command seen;
  EXPECT_CALL(runner_, run(_)).WillOnce([&](process::Command command) -> Result<process::CommandOutcome> {
    seen = std::move(command);
    return guest_exited(0, "out");
  });
  const auto outcome = driver().run_in_guest("lab", {"echo", "a b", "$HOME"}, std::chrono::seconds(7));
  ASSERT_TRUE(outcome.has_value()) << outcome.error();
  EXPECT_EQ(outcome->output, "out");
  ASSERT_EQ(seen.argv.size(), 11U);
  EXPECT_THAT(std::vector<std::string>(seen.argv.begin(), seen.argv.begin() + 6),
              ElementsAre("multipass", "exec", "lab", "--", "sh", "-c"));
  EXPECT_THAT(std::vector<std::string>(seen.argv.end() - 3, seen.argv.end()), ElementsAre("echo", "a b", "$HOME"));
  EXPECT_EQ(seen.standard_input, "");
  EXPECT_FALSE(seen.keep_input_open);
  EXPECT_EQ(seen.time_limit, std::chrono::seconds(7));
  EXPECT_THAT(seen.environment, ElementsAre(testing::Pair("PATH", "/snap/bin")));
}

TEST_F(DriverOverMock, TransfersByStandardInput) {
  expect(AllOf(multipass({"transfer", "-", "lab:/tmp/x"}), testing::Field(&process::Command::standard_input, "bytes")),
         exited(0, ""));
  EXPECT_TRUE(driver().put("lab", "/tmp/x", "bytes").has_value());
}

TEST_F(DriverOverMock, RemovesWithItsNameAndIsContentWithNone) {
  expect(multipass({"delete", "--purge", "lab"}), exited(0, ""));
  expect(multipass({"delete", "--purge", "lab"}), exited(2, "", "delete failed: instance \"lab\" does not exist\n"));
  expect(SubCommand("delete"), exited(2, "", "delete failed: cannot connect to the multipass socket\n"));
  EXPECT_TRUE(driver().remove("lab").has_value());
  EXPECT_TRUE(driver().remove("lab").has_value());
  EXPECT_FALSE(driver().remove("lab").has_value());
}

class InstanceNames : public testing::TestWithParam<std::pair<const char*, bool>> {};
TEST_P(InstanceNames, AreTakenOrRefusedBeforeMultipassIsAsked) {
  const auto checked = check_instance_name(GetParam().first);
  EXPECT_EQ(checked.has_value(), GetParam().second) << GetParam().first;
  if (!checked) {
    EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
  }
}
INSTANTIATE_TEST_SUITE_P(
    Rows, InstanceNames,
    testing::Values(std::pair("netns-lab", true), std::pair("a", true), std::pair("A1-2", true), std::pair("", false),
                    std::pair("1a", false), std::pair("-a", false), std::pair("a-", false), std::pair("a.b", false),
                    std::pair("a_b", false), std::pair("--all", false),
                    std::pair("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789ab", false)),
    [](const auto& row) { return "Row" + std::to_string(row.index); });

}  // namespace
}  // namespace netns_lab::multipass
