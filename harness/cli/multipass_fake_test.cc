// Labs of multipass as a user makes them, through a FAKE `multipass` command (fixtures/multipass/fake): its "instances"
// are folders and processes of this machine. What is proved is the driver and the way of the stream, not multipass.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "harness/base/text.h"
#include "harness/cli/command_under_test.h"
#include "harness/process/running_command.h"

namespace netns_lab::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Matches;
using ::testing::Not;
using ::testing::StartsWith;

class FakeMultipass : public testing::Test {
 protected:
  FakeMultipass() : home_(command_.folder() + "/fake") {
    fs::create_directories(home_ / "instances");
    fs::create_directory(command_.folder() + "/programs");
    fs::create_symlink(CommandUnderTest::fixture("multipass/fake/multipass"), programs() + "/multipass");
    command_.environment["FAKE_MULTIPASS"] = home_.string();
    command_.environment["PATH"] = programs() + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  }
  ~FakeMultipass() override {
    // What a failed test left standing.
    command_.run(with_lab({"destroy"}));
    EXPECT_THAT(CommandUnderTest::leavings(), IsEmpty());
  }

  std::string programs() const { return command_.folder() + "/programs"; }
  void steer(const std::string& file, const std::string& text = "") const { std::ofstream(home_ / file) << text; }
  bool has_instance(const std::string& name = "lab") const { return fs::exists(home_ / "instances" / name); }
  std::vector<std::string> calls() const {
    std::ifstream file(home_ / "calls");
    return split_lines(std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
  }
  // The fake itself, as somebody else would call it.
  void multipass(std::vector<std::string> arguments) {
    process::Command command;
    command.argv = {programs() + "/multipass"};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = command_.environment;
    const auto outcome = process::run_to_end(std::move(command));
    ASSERT_TRUE(outcome.has_value()) << outcome.error();
    ASSERT_TRUE(outcome->succeeded()) << outcome->errors;
    fs::remove(home_ / "calls");
  }
  Ran lab(std::vector<std::string> arguments) { return command_.run(with_lab(std::move(arguments))); }
  static std::vector<std::string> with_lab(std::vector<std::string> arguments) {
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    const std::vector<std::string> options = {"--lab", "multipass", "--name", "lab"};
    arguments.insert(end, options.begin(), options.end());
    return arguments;
  }

  CommandUnderTest command_;
  fs::path home_;
};

TEST_F(FakeMultipass, UpLaunchesExecAndShareItAndDestroyLeavesNothing) {
  const Ran up = lab({"up"});
  ASSERT_EQ(up.status, 0) << up;
  EXPECT_THAT(up.output, AllOf(HasSubstr("(multipass): made"), HasSubstr("uplink eth0")));
  EXPECT_TRUE(has_instance());
  std::ifstream given(home_ / "cloud-init");
  EXPECT_THAT((std::string{std::istreambuf_iterator<char>(given), std::istreambuf_iterator<char>()}),
              AllOf(StartsWith("#cloud-config"), HasSubstr("socat")));
  EXPECT_THAT(calls(), Contains(HasSubstr("launch 22.04 --name lab --memory 1G --disk 5G")));
  const std::size_t asked = calls().size();
  const Ran again = lab({"up"});
  EXPECT_EQ(again.status, 0) << again;
  EXPECT_THAT(again.output, HasSubstr("reused"));
  const Ran seven = lab({"exec", "--", "sh", "-c", "ip link show eth0; exit 7"});
  EXPECT_EQ(seven.status, 7) << seven;
  EXPECT_THAT(seven.output, HasSubstr("eth0"));
  EXPECT_EQ(calls().size(), asked) << "a lab that is up is used without asking multipass";
  const Ran destroyed = lab({"destroy"});
  EXPECT_EQ(destroyed.status, 0) << destroyed;
  EXPECT_THAT(destroyed.errors, HasSubstr("deleted and purged"));
  EXPECT_FALSE(has_instance());
  EXPECT_THAT(CommandUnderTest::leavings(), IsEmpty());
}

TEST_F(FakeMultipass, AnInstanceIsLaunchedAsItIsChosen) {
  const std::string given = command_.write("own.yaml", "#cloud-config\n# own\n");
  const std::vector<std::string> chosen = {"up", "--image", "24.04", "--memory",     "2G", "--cpus",
                                           "3",  "--disk",  "8G",    "--cloud-init", given};
  const Ran up = lab(chosen);
  ASSERT_EQ(up.status, 0) << up;
  EXPECT_THAT(calls(), Contains(HasSubstr("launch 24.04 --name lab --memory 2G --disk 8G"))) << up;
  EXPECT_THAT(calls(), Contains(HasSubstr("--cpus 3")));
  std::ifstream file(home_ / "cloud-init");
  EXPECT_EQ((std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()}),
            "#cloud-config\n# own\n");
}

TEST_F(FakeMultipass, TheSuiteIsJudgedInIt) {
  ASSERT_THAT(lab({"up"}), HasStatus(0));
  const Ran native = lab({"test", "single-namespace", "--target", "native"});
  EXPECT_EQ(native.status, 0) << native;
  EXPECT_THAT(native.output, HasSubstr("conformant"));
  const Ran script = lab(
      {"test", "single-namespace", "--target", "script:" + CommandUnderTest::fixture("scenarios/single-namespace")});
  EXPECT_EQ(script.status, 0) << script;
}

TEST_F(FakeMultipass, AnInstanceThatWasThereBeforeIsNotDeleted) {
  multipass({"launch", "22.04", "--name", "lab", "--memory", "1G"});
  multipass({"stop", "lab"});
  const Ran up = lab({"up"});
  ASSERT_EQ(up.status, 0) << up;
  EXPECT_TRUE(fs::exists(home_ / "instances/lab/opt/netns-lab"));
  const Ran destroyed = lab({"destroy"});
  EXPECT_EQ(destroyed.status, 0) << destroyed;
  EXPECT_TRUE(has_instance());
  EXPECT_FALSE(fs::exists(home_ / "instances/lab/opt/netns-lab"));
  EXPECT_THAT(calls(), AllOf(Contains(StartsWith("start lab")), Not(Contains(StartsWith("launch"))),
                             Not(Contains(StartsWith("delete")))));
}

TEST_F(FakeMultipass, ADeletedInstanceIsRecoveredWithAWordAndNotDeletedAgain) {
  multipass({"launch", "22.04", "--name", "lab", "--memory", "1G"});
  multipass({"delete", "lab"});
  const Ran up = lab({"up"});
  ASSERT_EQ(up.status, 0) << up;
  EXPECT_THAT(up.errors, AllOf(HasSubstr("recovered"), HasSubstr("multipass delete --purge lab")));
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
  EXPECT_TRUE(has_instance());
}

TEST_F(FakeMultipass, ALaunchThatTimesOutIsAdoptedAndIsOurs) {
  steer("launch-times-out");
  const Ran up = lab({"up"});
  ASSERT_EQ(up.status, 0) << up;
  EXPECT_THAT(up.errors, HasSubstr("timed out"));
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
  EXPECT_FALSE(has_instance());
}

TEST_F(FakeMultipass, ARelease1_10IsLaunchedWithItsOwnOption) {
  steer("old");
  const Ran up = lab({"up"});
  ASSERT_EQ(up.status, 0) << up;
  EXPECT_THAT(calls(), Contains(HasSubstr("--mem 1G")));
}

TEST_F(FakeMultipass, ALostStreamIsADeadLabAndItsInstanceIsStillOurs) {
  ASSERT_THAT(lab({"up"}), HasStatus(0));
  std::ifstream file(home_ / "last-exec");
  pid_t exec = 0;
  file >> exec;
  ASSERT_GT(exec, 1);
  ASSERT_EQ(::kill(exec, SIGKILL), 0);
  ASSERT_TRUE(eventually([this] { return lab({"exec", "--", "true"}).status == 3; }));
  const Ran up = lab({"up"});
  ASSERT_EQ(up.status, 0) << up;
  EXPECT_THAT(up.output, HasSubstr("made"));
  EXPECT_THAT(calls(), Not(Contains(StartsWith("delete"))));
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
  EXPECT_FALSE(has_instance());
}

TEST_F(FakeMultipass, AnInstanceThatSomebodyMadeAnewIsNotDeleted) {
  ASSERT_THAT(lab({"up"}), HasStatus(0));
  multipass({"delete", "--purge", "lab"});
  multipass({"launch", "22.04", "--name", "lab", "--memory", "1G"});
  const Ran refused = lab({"destroy"});
  EXPECT_EQ(refused.status, 3) << refused;
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("is not the one that was launched for this lab"),
                                    HasSubstr("multipass delete --purge lab"), HasSubstr("rm -r ")));
  EXPECT_TRUE(has_instance());
  EXPECT_THAT(calls(), Not(Contains(StartsWith("delete"))));
  multipass({"delete", "--purge", "lab"});
  const Ran gone = lab({"destroy"});
  EXPECT_EQ(gone.status, 0) << gone;
  EXPECT_THAT(gone.errors, HasSubstr("not there any more"));
}

TEST_F(FakeMultipass, ALabThatComesUpInAnInstanceMadeAnewDoesNotDeleteIt) {
  ASSERT_THAT(lab({"up"}), HasStatus(0));
  multipass({"delete", "--purge", "lab"});
  multipass({"launch", "22.04", "--name", "lab", "--memory", "1G"});
  std::ifstream file(home_ / "last-exec");
  pid_t exec = 0;
  file >> exec;
  ASSERT_GT(exec, 1);
  ASSERT_EQ(::kill(exec, SIGKILL), 0);
  ASSERT_TRUE(eventually([this] { return lab({"exec", "--", "true"}).status == 3; }));
  const Ran up = lab({"up"});
  ASSERT_EQ(up.status, 0) << up;
  EXPECT_THAT(up.errors, HasSubstr("destroy will leave it"));
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
  EXPECT_TRUE(has_instance());
}

TEST_F(FakeMultipass, AnInstanceThatWasDeletedAlreadyIsLeftWithAWord) {
  ASSERT_THAT(lab({"up"}), HasStatus(0));
  multipass({"delete", "lab"});
  const Ran destroyed = lab({"destroy"});
  EXPECT_EQ(destroyed.status, 0) << destroyed;
  EXPECT_THAT(destroyed.errors, HasSubstr("multipass purge"));
}

TEST_F(FakeMultipass, ADestroyThatCannotReachMultipassIsToldAndTriedAgain) {
  ASSERT_THAT(lab({"up"}), HasStatus(0));
  steer("daemon-down");
  const Ran destroyed = lab({"destroy"});
  EXPECT_EQ(destroyed.status, 3) << destroyed;
  EXPECT_THAT(destroyed.errors, AllOf(HasSubstr("multipass info lab"), HasSubstr("snap start multipass")));
  fs::remove(home_ / "daemon-down");
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
  EXPECT_FALSE(has_instance());
}

TEST_F(FakeMultipass, AnUpThatFailedIsTriedAgainAndWhatItMadeIsOurs) {
  steer("launch-fails", "the moon");
  const Ran failed = lab({"up"});
  EXPECT_EQ(failed.status, 3) << failed;
  EXPECT_THAT(failed.errors, HasSubstr("the moon"));
  fs::remove(home_ / "launch-fails");
  ASSERT_THAT(lab({"up"}), HasStatus(0));
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
  EXPECT_FALSE(has_instance());
}

TEST_F(FakeMultipass, AnUpThatIsInterruptedSaysWhatRemovesWhatItBegan) {
  steer("launch-hangs");
  CommandUnderTest::Running up = command_.start(with_lab({"up"}));
  ASSERT_TRUE(eventually([this] { return Matches(Contains(StartsWith("launch")))(calls()); }));
  ::kill(up.pid, SIGINT);
  const Ran ran = command_.wait(std::move(up));
  EXPECT_EQ(ran.status, 130) << ran;
  EXPECT_THAT(ran.errors, HasSubstr("up: interrupted; netns-lab destroy --lab multipass --name lab removes"));
  fs::remove(home_ / "launch-hangs");
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
  ASSERT_THAT(lab({"up"}), HasStatus(0));
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
  EXPECT_FALSE(has_instance());
}

// Its instances have no network: that far, and no further, a lab of two comes.
class FakeMultipassOfTwo : public FakeMultipass {
 protected:
  Ran up_two() { return lab({"up", "--nodes", "2"}); }
};

TEST_F(FakeMultipassOfTwo, LaunchesASecondInstanceAndDestroyRemovesBoth) {
  const Ran up = up_two();
  EXPECT_EQ(up.status, 3) << up;
  EXPECT_THAT(up.errors, HasSubstr("join instance lab to the others: multipass tells no IPv4 address of it"));
  EXPECT_THAT(calls(), AllOf(Contains(StartsWith("launch 22.04 --name lab ")),
                             Contains(StartsWith("launch 22.04 --name lab-2 "))));
  EXPECT_TRUE(has_instance() && has_instance("lab-2")) << "to be looked at";
  const Ran destroyed = lab({"destroy"});
  EXPECT_EQ(destroyed.status, 0) << destroyed;
  EXPECT_THAT(destroyed.errors, AllOf(HasSubstr("instance lab was launched for this lab: deleted"),
                                      HasSubstr("instance lab-2 was launched for this lab: deleted")));
  EXPECT_FALSE(has_instance() || has_instance("lab-2"));
}

TEST_F(FakeMultipassOfTwo, NeedsWhatWiresAreMadeOf) {
  steer("address", "192.0.2.77");
  steer("lacks-8021q");
  const Ran lacking = up_two();
  EXPECT_EQ(lacking.status, 3) << lacking;
  EXPECT_THAT(lacking.errors,
              AllOf(HasSubstr("join instance lab to the others: its kernel has no 8021q (CONFIG_VLAN_8021Q)"),
                    HasSubstr("Module 8021q not found")));
  fs::remove(home_ / "lacks-8021q");
  steer("address", "not an address");
  EXPECT_THAT(up_two().errors, HasSubstr("multipass tells what is no IPv4 address: not an address"));
  // One that none of them has: no packet is sent.
  steer("address", "192.0.2.77");
  const Ran unreachable = up_two();
  EXPECT_EQ(unreachable.status, 3) << unreachable;
  EXPECT_THAT(unreachable.errors, HasSubstr("lay the wire from machine 1 (192.0.2.77) to machine 2"));
  EXPECT_THAT(lab({"exec", "--", "true"}), HasStatus(3));
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
  EXPECT_FALSE(has_instance() || has_instance("lab-2"));
}

TEST_F(FakeMultipassOfTwo, WhoseSecondLaunchFailsIsFoldedBack) {
  steer("launch-fails-lab-2", "No space left on device");
  const Ran up = up_two();
  EXPECT_EQ(up.status, 3) << up;
  EXPECT_THAT(up.errors, AllOf(HasSubstr("launch instance lab-2"), HasSubstr("No space left"),
                               HasSubstr("instance lab was launched for this lab: deleted and purged")));
  EXPECT_FALSE(has_instance());
  EXPECT_THAT(calls(), Contains("delete --purge lab"));
  EXPECT_THAT(lab({"destroy"}).errors, HasSubstr("there is no such lab")) << "nothing is left to destroy";
}

TEST_F(FakeMultipassOfTwo, FoldsBackNothingThatItDidNotMake) {
  multipass({"launch", "22.04", "--name", "lab", "--memory", "1G"});
  steer("launch-fails-lab-2", "the moon");
  const Ran up = up_two();
  EXPECT_EQ(up.status, 3) << up;
  EXPECT_TRUE(has_instance());
  EXPECT_THAT(calls(), Not(Contains(StartsWith("delete"))));
}

TEST_F(FakeMultipassOfTwo, FoldsBackNothingThatAnEarlierUpMade) {
  ASSERT_THAT(lab({"up"}), HasStatus(0));
  std::ifstream file(home_ / "last-exec");
  pid_t exec = 0;
  file >> exec;
  ASSERT_GT(exec, 1);
  ASSERT_EQ(::kill(exec, SIGKILL), 0);
  ASSERT_TRUE(eventually([this] { return lab({"exec", "--", "true"}).status == 3; }));
  steer("launch-fails-lab-2", "the moon");
  const Ran up = up_two();
  EXPECT_EQ(up.status, 3) << up;
  EXPECT_TRUE(has_instance());
  const Ran destroyed = lab({"destroy"});
  EXPECT_EQ(destroyed.status, 0) << destroyed;
  EXPECT_FALSE(has_instance()) << "it is ours still";
}

TEST_F(FakeMultipassOfTwo, DeletesOfTwoOnlyTheOneThatItLaunched) {
  multipass({"launch", "22.04", "--name", "lab-2", "--memory", "1G"});
  EXPECT_THAT(up_two(), HasStatus(3));
  const Ran destroyed = lab({"destroy"});
  EXPECT_EQ(destroyed.status, 0) << destroyed;
  EXPECT_THAT(destroyed.errors, HasSubstr("instance lab-2 was there before this lab: left running"));
  EXPECT_FALSE(has_instance());
  EXPECT_TRUE(has_instance("lab-2"));
}

TEST_F(FakeMultipassOfTwo, LeavesASecondInstanceThatSomebodyMadeAnew) {
  EXPECT_THAT(up_two(), HasStatus(3));
  multipass({"delete", "--purge", "lab-2"});
  multipass({"launch", "22.04", "--name", "lab-2", "--memory", "1G"});
  const Ran refused = lab({"destroy"});
  EXPECT_EQ(refused.status, 3) << refused;
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("instance lab was launched for this lab: deleted"),
                                    HasSubstr("delete instance lab-2: it is not the one that was launched")));
  EXPECT_FALSE(has_instance());
  EXPECT_TRUE(has_instance("lab-2"));
  multipass({"delete", "--purge", "lab-2"});
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
}

TEST_F(FakeMultipassOfTwo, WhoseLaunchIsRefusedBecauseTheNameIsTakenLeavesThatInstanceAlone) {
  steer("launch-fails-lab-2", "instance \"lab-2\" already exists");
  EXPECT_THAT(up_two(), HasStatus(3));
  fs::remove(home_ / "launch-fails-lab-2");
  multipass({"launch", "22.04", "--name", "lab-2", "--memory", "1G"});  // whose it was
  EXPECT_EQ(lab({"destroy"}).status, 3) << "there is nothing of this lab";
  EXPECT_TRUE(has_instance("lab-2"));
  EXPECT_FALSE(has_instance());
}

TEST_F(FakeMultipassOfTwo, HasNoInstanceOfAnotherLab) {
  ASSERT_THAT(lab({"up"}), HasStatus(0));
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
  ASSERT_THAT(command_.run({"up", "--lab", "multipass", "--name", "lab-2"}), HasStatus(0));
  const Ran refused = up_two();
  EXPECT_EQ(refused.status, 3) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("instance lab-2 for lab lab: lab lab-2 has it"));
  EXPECT_FALSE(has_instance());
  EXPECT_THAT(command_.run({"destroy", "--lab", "multipass", "--name", "lab-2"}), HasStatus(0));
  EXPECT_EQ(up_two().status, 3);  // for want of addresses; its instances stay
  const Ran other = command_.run({"up", "--lab", "multipass", "--name", "lab-2"});
  EXPECT_EQ(other.status, 3) << other;
  EXPECT_THAT(other.errors, HasSubstr("instance lab-2 for lab lab-2: lab lab has it"));
}

struct RefusalRow {
  const char* name;
  const char* steered;
  const char* text;
  std::vector<std::string> told;
};
std::ostream& operator<<(std::ostream& out, const RefusalRow& row) { return out << row.name; }
class FakeMultipassRefuses : public FakeMultipass, public testing::WithParamInterface<RefusalRow> {};

TEST_P(FakeMultipassRefuses, UpWithTheCommandItsStatusAndTheWayOut) {
  const RefusalRow& row = GetParam();
  steer(row.steered, row.text);
  const Ran up = lab({"up"});
  EXPECT_EQ(up.status, 3) << up;
  for (const std::string& told : row.told) EXPECT_THAT(up.errors, HasSubstr(told));
  EXPECT_FALSE(has_instance());
  fs::remove(home_ / row.steered);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, FakeMultipassRefuses,
    testing::Values(RefusalRow{"DaemonDown", "daemon-down", "", {"multipass version", "snap start multipass"}},
                    RefusalRow{"NotAuthenticated",
                               "not-authenticated",
                               "",
                               {"multipass info lab", "exited with status 2", "multipass authenticate"}},
                    RefusalRow{"DiskFull",
                               "launch-fails",
                               "No space left on device",
                               {"multipass launch", "exited with status 2", "No space left", "multipass purge"}}),
    [](const auto& row) { return row.param.name; });

TEST_F(FakeMultipass, WithoutAnyMultipassUpSaysHowToInstallIt) {
  fs::remove(programs() + "/multipass");
  const Ran up = lab({"up"});
  EXPECT_EQ(up.status, 3) << up;
  EXPECT_THAT(up.errors, AllOf(HasSubstr("not installed"), HasSubstr("snap install multipass")));
}

}  // namespace
}  // namespace netns_lab::cli
