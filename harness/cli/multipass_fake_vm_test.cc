// Labs of multipass as a user makes them, through a FAKE `multipass` command (harness/fake_multipass) whose instances
// are virtual machines: transfer, exec, stop, start, delete, a name used again and time-outs really happen, with
// another kernel and a disk that is kept. It is no multipass and no Ubuntu.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/text.h"
#include "harness/cli/command_under_test.h"
#include "harness/cli/machine_under_test.h"
#include "harness/process/running_command.h"

namespace netns_lab::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class FakeMultipassInMachines : public testing::Test {
 protected:
  FakeMultipassInMachines() : home_(command_.folder() + "/fake"), programs_(command_.folder() + "/programs") {
    fs::create_directory(home_);
    fs::create_directory(programs_);
    fs::create_symlink(fs::path(CommandUnderTest::binary()).parent_path() / "fake-multipass", programs_ / "multipass");
    command_.environment["FAKE_MULTIPASS"] = home_.string();
    command_.environment["PATH"] = programs_.string() + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    command_.patience = std::chrono::minutes(3);
    without_kvm(command_);
  }

  void SetUp() override {
    if (const std::string missing = missing_for_machines(); !missing.empty()) GTEST_SKIP() << missing;
    if (::access("/usr/sbin/mkfs.ext4", X_OK) != 0) GTEST_SKIP() << "no mkfs.ext4: apt-get install e2fsprogs";
    auto daemon = process::RunningCommand::start(multipass_command({"daemon"}));
    ASSERT_TRUE(daemon.has_value()) << daemon.error();
    daemon_ = *std::move(daemon);
    const process::Chunk said = daemon_->read(4096, Deadline::after(std::chrono::seconds(10)));
    ASSERT_THAT(said.output, HasSubstr("fake multipassd")) << said.errors;
  }

  void TearDown() override {
    if (!daemon_) return;
    if (has_instance()) lab({"destroy"});  // what a failed test left standing
    daemon_.reset();
    EXPECT_THAT(machines_below(), IsEmpty());
    EXPECT_THAT(left_by(command_), IsEmpty());
  }

  process::Command multipass_command(const std::vector<std::string>& arguments) const {
    process::Command command;
    command.argv = {programs_ / "multipass"};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = command_.environment;
    return command;
  }
  // The fake itself, as somebody else would call it.
  process::CommandOutcome multipass(const std::vector<std::string>& arguments, const std::string& input = "") const {
    process::Command command = multipass_command(arguments);
    command.standard_input = input;
    auto outcome = process::run_to_end(std::move(command));
    EXPECT_TRUE(outcome.has_value()) << outcome.error();
    return outcome ? *outcome : process::CommandOutcome();
  }
  Ran lab(const std::vector<std::string>& arguments) { return command_.run(with_lab(arguments)); }
  static std::vector<std::string> with_lab(std::vector<std::string> arguments) {
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    const std::vector<std::string> options = {"--lab", "multipass", "--name", "lab"};
    arguments.insert(end, options.begin(), options.end());
    return arguments;
  }
  bool has_instance() const { return fs::exists(home_ / "instances/lab"); }
  // The QEMU of an instance: its device's address has the instance's number. 0: none.
  pid_t machine_of(const std::string& instance) const {
    std::ifstream number_file(home_ / "instances" / instance / "number");
    int number = 0;
    number_file >> number;
    for (const pid_t pid : machines_below()) {
      std::ifstream file(fmt::format("/proc/{}/cmdline", pid));
      const std::string words{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      if (words.find(fmt::format("mac=52:54:00:00:00:{:02x}", number)) != std::string::npos) return pid;
    }
    return 0;
  }
  // Of the calls so far, those that begin like this.
  std::vector<std::string> calls(const std::string& beginning) const {
    std::ifstream file(home_ / "calls");
    std::vector<std::string> found;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with(beginning)) found.push_back(line);
    }
    return found;
  }

  CommandUnderTest command_;
  fs::path home_;
  fs::path programs_;
  std::optional<process::RunningCommand> daemon_;
};

TEST_F(FakeMultipassInMachines, IsLaunchedReusedJudgedStoppedStartedAndDestroyed) {
  const Ran up = lab({"up"});
  ASSERT_EQ(up.status, 0) << up;
  EXPECT_THAT(up.output, AllOf(HasSubstr("(multipass): made"), HasSubstr("uplink eth0")));
  EXPECT_THAT(machines_below(), SizeIs(1));
  EXPECT_THAT(lab({"up"}).output, HasSubstr("reused"));
  const Ran seven = lab({"exec", "--", "sh", "-c", "uname -n; exit 7"});
  EXPECT_EQ(seven.status, 7) << seven;
  EXPECT_EQ(seven.output, "node-1\n");

  const Ran native = lab({"test", "single-namespace", "--target", "native"});
  EXPECT_EQ(native.status, 0) << native;
  EXPECT_THAT(native.output, HasSubstr("conformant: 94 passed (2 workers)"));
  const Ran script = lab(
      {"test", "single-namespace", "--target", "script:" + CommandUnderTest::fixture("scenarios/single-namespace")});
  EXPECT_EQ(script.status, 0) << script;
  EXPECT_THAT(script.output, HasSubstr("conformant: 47 passed"));

  EXPECT_TRUE(multipass({"stop", "lab"}).succeeded());
  EXPECT_THAT(machines_below(), IsEmpty());
  EXPECT_THAT(lab({"exec", "--", "true"}), HasStatus(3));
  const Ran started = lab({"up"});
  ASSERT_EQ(started.status, 0) << started;
  EXPECT_THAT(calls("start lab"), SizeIs(1));
  EXPECT_THAT(calls("launch"), SizeIs(1));
  // What was put into it is on its disk still.
  EXPECT_THAT(calls("transfer - lab:/tmp/netns-lab-"), SizeIs(1));
  EXPECT_THAT(lab({"exec", "--", "true"}), HasStatus(0));

  const Ran destroyed = lab({"destroy"});
  EXPECT_EQ(destroyed.status, 0) << destroyed;
  EXPECT_THAT(destroyed.errors, HasSubstr("deleted and purged"));
  EXPECT_FALSE(has_instance());
  EXPECT_THAT(machines_below(), IsEmpty());
}

TEST_F(FakeMultipassInMachines, ThatIsKilledMidSuiteIsAnErrorNeverAFailure) {
  ASSERT_THAT(lab({"up"}), HasStatus(0));
  const std::string target = hanging_target(command_);
  CommandUnderTest::Running running =
      command_.start(with_lab({"test", "single-namespace", "--target", "script:" + target}));
  ASSERT_TRUE(eventually([&] { return lab({"exec", "--", "pgrep", "-f", "^hanging"}).status == 0; }));
  ASSERT_THAT(machines_below(), SizeIs(1));
  ::kill(machines_below().front(), SIGKILL);
  expect_all_errors(command_, command_.wait(std::move(running)));
  EXPECT_THAT(machines_below(), IsEmpty());
  EXPECT_THAT(multipass({"info", "lab", "--format", "json"}).output, HasSubstr("Stopped"));
  const Ran again = lab({"up"});
  EXPECT_EQ(again.status, 0) << again;
  EXPECT_THAT(calls("start lab"), SizeIs(1));
  // What it is known by is on its disk, though that was never let go of.
  const Ran destroyed = lab({"destroy"});
  EXPECT_EQ(destroyed.status, 0) << destroyed;
  EXPECT_THAT(destroyed.errors, HasSubstr("deleted and purged"));
  EXPECT_FALSE(has_instance());
}

// Two instances on a network of theirs: each of the lab's nodes is in one of them.
TEST_F(FakeMultipassInMachines, TwoOfThemAreALabOfTwoNodesJudgedAndDestroyed) {
  CommandUnderTest::Running at_once = command_.start(with_lab({"up", "--nodes", "2"}));
  const Ran up = lab({"up", "--nodes", "2"});
  const Ran other = command_.wait(std::move(at_once));
  ASSERT_EQ(up.status, 0) << up;
  ASSERT_EQ(other.status, 0) << other;
  EXPECT_THAT(up.output + other.output,
              AllOf(HasSubstr("(multipass): made"), HasSubstr("(multipass): reused"), HasSubstr("2 nodes")));
  EXPECT_THAT(calls("launch"), SizeIs(2));
  EXPECT_THAT(machines_below(), SizeIs(2));
  EXPECT_EQ(lab({"exec", "--node", "2", "--", "uname", "-n"}).output, "node-2\n");
  const Ran snapshot = lab({"snapshot", "--node", "2", "--text"});
  EXPECT_EQ(snapshot.status, 0) << snapshot;
  EXPECT_THAT(snapshot.output, HasSubstr("10.0.0.20/24"));
  // Of the full size whatever their network has, and nothing of that network is changed.
  EXPECT_THAT(lab({"exec", "--node", "2", "--", "ping", "-c1", "-s1472", "-Mdo", "10.0.0.10"}), HasStatus(0));
  const std::string links = multipass({"exec", "lab", "--", "ip", "-br", "link"}).output;
  EXPECT_THAT(links, AllOf(HasSubstr("eth0"), Not(HasSubstr("wire")), Not(HasSubstr("node-"))));

  const Ran native = lab({"test", "multi-node", "--target", "native", "--family", "ipv6"});
  EXPECT_EQ(native.status, 0) << native;
  EXPECT_THAT(native.output, HasSubstr("conformant: 63 passed"));
  const Ran script =
      lab({"test", "multi-node", "--target", "script:" + CommandUnderTest::fixture("scenarios/multi-node")});
  EXPECT_EQ(script.status, 0) << script;
  EXPECT_THAT(script.output, HasSubstr("conformant: 63 passed"));
  // Of one node, in the first of them: a fresh node has the addresses of the one that stands.
  const Ran egress = lab({"test", "egress", "--target", "native", "--family", "ipv4"});
  EXPECT_EQ(egress.status, 0) << egress;
  const Ran unfit = lab({"test", "overlay"});
  EXPECT_EQ(unfit.status, 3) << unfit;
  EXPECT_THAT(unfit.errors, HasSubstr("up --lab multipass --name lab --nodes 2 --routed"));

  const Ran destroyed = lab({"destroy"});
  EXPECT_EQ(destroyed.status, 0) << destroyed;
  EXPECT_THAT(destroyed.errors, AllOf(HasSubstr("instance lab was launched for this lab: deleted and purged"),
                                      HasSubstr("instance lab-2 was launched for this lab: deleted and purged")));
  EXPECT_FALSE(has_instance());
  EXPECT_FALSE(fs::exists(home_ / "instances/lab-2"));
  EXPECT_THAT(machines_below(), IsEmpty());
}

TEST_F(FakeMultipassInMachines, TwoOfThemWithARouterBetweenCarryAnOverlay) {
  const Ran up = lab({"up", "--nodes", "2", "--routed"});
  ASSERT_EQ(up.status, 0) << up;
  const Ran native = lab({"test", "overlay", "--target", "native", "--family", "ipv4"});
  EXPECT_EQ(native.status, 0) << native;
  EXPECT_THAT(native.output, HasSubstr("conformant: "));
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
}

TEST_F(FakeMultipassInMachines, TheSecondOfThemThatIsKilledMidSuiteIsAnErrorThatNamesIt) {
  ASSERT_THAT(lab({"up", "--nodes", "2"}), HasStatus(0));
  const std::string target = hanging_target(command_);
  CommandUnderTest::Running running = command_.start(with_lab({"test", "multi-node", "--target", "script:" + target}));
  ASSERT_TRUE(eventually([&] {
    return multipass({"exec", "lab", "--", "pgrep", "-f", "^hanging"}).succeeded() ||
           multipass({"exec", "lab-2", "--", "pgrep", "-f", "^hanging"}).succeeded();
  }));
  const pid_t second = machine_of("lab-2");
  ASSERT_GT(second, 1);
  ::kill(second, SIGKILL);
  const Ran ran = command_.wait(std::move(running));
  expect_all_errors(command_, ran, 63);
  EXPECT_THAT(command_.report("junit.xml"), HasSubstr("multipass exec lab-2 "));
  // The other instance runs on; its lab has ended.
  EXPECT_TRUE(eventually([&] { return lab({"exec", "--", "true"}).status == 3; }));
  EXPECT_THAT(machines_below(), SizeIs(1));
  const Ran again = lab({"up", "--nodes", "2"});
  EXPECT_EQ(again.status, 0) << again;
  EXPECT_THAT(calls("start lab-2"), SizeIs(1));
  EXPECT_THAT(lab({"exec", "--node", "2", "--", "ping", "-c1", "10.0.0.10"}), HasStatus(0));
  EXPECT_THAT(lab({"destroy"}), HasStatus(0));
}

TEST_F(FakeMultipassInMachines, WhoseLaunchTimesOutIsAdoptedAndWhoseNameIsUsedAgainIsLeft) {
  std::ofstream(home_ / "launch-times-out").close();
  const Ran up = lab({"up"});
  ASSERT_EQ(up.status, 0) << up;
  EXPECT_THAT(up.errors, AllOf(HasSubstr("the launch of lab timed out"), HasSubstr("Starting")));
  fs::remove(home_ / "launch-times-out");

  EXPECT_TRUE(multipass({"delete", "lab"}).succeeded());
  EXPECT_THAT(lab({"exec", "--", "true"}), HasStatus(3));
  const process::CommandOutcome taken = multipass({"launch", "22.04", "--name", "lab"});
  EXPECT_EQ(taken.end.code, 2);
  EXPECT_EQ(taken.errors, "launch failed: instance \"lab\" already exists\n");
  const Ran recovered = lab({"up"});
  ASSERT_EQ(recovered.status, 0) << recovered;
  EXPECT_THAT(recovered.errors, AllOf(HasSubstr("recovered"), HasSubstr("multipass delete --purge lab"),
                                      Not(HasSubstr("destroy will leave it"))));

  EXPECT_TRUE(multipass({"delete", "--purge", "lab"}).succeeded());
  EXPECT_TRUE(multipass({"launch", "22.04", "--name", "lab"}).succeeded());
  const Ran refused = lab({"destroy"});
  EXPECT_EQ(refused.status, 3) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("is not the one that was launched for this lab"));
  const Ran another = lab({"up"});
  ASSERT_EQ(another.status, 0) << another;
  EXPECT_THAT(another.errors, HasSubstr("destroy will leave it"));
  const Ran left = lab({"destroy"});
  EXPECT_EQ(left.status, 0) << left;
  EXPECT_THAT(left.errors, HasSubstr("left running, without our files"));
  EXPECT_THAT(multipass({"exec", "lab", "--", "ls", "/opt"}).output, IsEmpty());
  EXPECT_TRUE(multipass({"delete", "--purge", "lab"}).succeeded());
}

// Whatever the bytes, and as many as there are.
TEST_F(FakeMultipassInMachines, PassesBytesStatusAndBothOutputsOnUnchangedAndEndsWithItsDaemon) {
  ASSERT_TRUE(multipass({"launch", "22.04", "--name", "lab"}).succeeded());
  std::string bytes;
  for (unsigned i = 0; i < 3'000'000; ++i) bytes += static_cast<char>(i * 2'654'435'761u >> 24);
  EXPECT_TRUE(multipass({"transfer", "-", "lab:/opt/bytes"}, bytes).succeeded());
  process::Command command = multipass_command({"exec", "lab", "--", "sh", "-c", "cat; echo told >&2; exit 42"});
  command.standard_input = bytes;
  command.output_limit = 2 * bytes.size();
  const auto piped = process::run_to_end(command);
  ASSERT_TRUE(piped.has_value());
  EXPECT_TRUE(piped->output == bytes);
  EXPECT_EQ(piped->errors, "told\n");
  EXPECT_EQ(piped->end.code, 42);
  EXPECT_EQ(multipass({"exec", "lab", "nosuch"}).end.code, 127);
  ASSERT_THAT(machines_below(), SizeIs(1));
  ::kill(daemon_->pid(), SIGKILL);
  EXPECT_TRUE(eventually([] { return machines_below().empty(); }));
  const Ran up = lab({"up"});
  EXPECT_EQ(up.status, 3) << up;
  EXPECT_THAT(up.errors, HasSubstr("snap start multipass"));
  fs::remove_all(home_ / "instances");
}

}  // namespace
}  // namespace netns_lab::cli
