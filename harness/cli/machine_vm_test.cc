// Labs in virtual machines, as a user makes them: each of these tests boots a real one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/cli/command_under_test.h"
#include "harness/cli/machine_under_test.h"
#include "harness/lab/qemu/kernel_image.h"

namespace netns_lab::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> operator+(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}
const std::vector<std::string> kJudgeScript = {"test", "single-namespace", "--target",
                                               "script:" + CommandUnderTest::fixture("scenarios/single-namespace")};
const std::vector<std::string> kInQemu = {"--lab", "qemu"};

class Machines : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = missing_for_machines(); !missing.empty()) GTEST_SKIP() << missing;
  }
};

TEST_F(Machines, AWholeTestInAFreshOneIsConformantAndLeavesNothing) {
  MachineCommand command;
  const Ran ran = command.run(std::vector<std::string>{"test", "single-namespace", "--target", "native"} + kInQemu);
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.output, HasSubstr("conformant: 94 passed (2 workers)"));
  EXPECT_THAT(command.report("junit.xml"), HasSubstr("qemu"));
  EXPECT_THAT(left_by(command), IsEmpty());
}

// One that stands, for the tests that only use it.
class StandingMachine : public Machines {
 protected:
  static void SetUpTestSuite() {
    if (!missing_for_machines().empty()) return;
    command_ = std::make_unique<MachineCommand>();
    made_ = command_->run(up());
  }
  static void TearDownTestSuite() {
    if (!command_) return;
    EXPECT_THAT(command_->run({"destroy", "--lab", "qemu", "--name", "stands"}), HasStatus(0));
    EXPECT_THAT(left_by(*command_), IsEmpty());
    command_.reset();
  }
  void SetUp() override {
    Machines::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(made_.status, 0) << made_;
  }
  static std::vector<std::string> up() { return {"up", "--lab", "qemu", "--name", "stands"}; }
  static Ran on_node(const std::vector<std::string>& argv) {
    return command_->run(std::vector<std::string>{"exec", "--lab", "qemu", "--name", "stands", "--"} + argv);
  }

  static std::unique_ptr<MachineCommand> command_;
  static Ran made_;
};
std::unique_ptr<MachineCommand> StandingMachine::command_;
Ran StandingMachine::made_;

TEST_F(StandingMachine, IsMadeOnceAndThenReused) {
  EXPECT_THAT(made_.output, AllOf(HasSubstr("lab stands (qemu): made"), HasSubstr("eth0 192.0.2.2/24")));
  const std::vector<pid_t> before = machines_below();
  const Ran again = command_->run(up());
  EXPECT_EQ(again.status, 0) << again;
  EXPECT_THAT(again.output, HasSubstr("lab stands (qemu): reused"));
  EXPECT_THAT(before, SizeIs(1));
  EXPECT_EQ(machines_below(), before);
}

TEST_F(StandingMachine, RunsItsOwnKernelAndPassesTheStatusOn) {
  const auto kernel = qemu::find_kernel("");
  ASSERT_TRUE(kernel.has_value());
  EXPECT_EQ(on_node({"uname", "-r"}).output, kernel->release + "\n");
  EXPECT_THAT(on_node({"bash", "-c", "exit 7"}), HasStatus(7));
  EXPECT_THAT(on_node({"ls", "/sys/bus/pci/devices"}).status, 0);
  // No way out: the node's only link leads to the outside beside it, in the machine.
  EXPECT_THAT(on_node({"ls", "/sys/class/net"}).output, "eth0\nlo\n");
}

TEST_F(StandingMachine, LoadsWhatNetworksAreMadeOf) {
  // In the node no module can be loaded any more. In a namespace that leaves nothing: a VRF's rules stay behind.
  const std::string script = R"(
    try() { "$@" || echo "no: $*"; }
    try ip link add base type dummy; try ip link set base up
    try ip link add t0 type bridge
    try ip link add link base name t1 type vlan id 7
    try ip link add link base name t2 type macvlan
    try ip link add t3 type dummy; try ip link add link t3 name t4 type ipvlan
    try ip link add t5 type vrf table 9
    try ip link add t6 type vxlan id 5 dstport 4789
    try ip link add t7 type geneve id 5 remote 192.0.2.1
    try ip link add t8 type wireguard
    try ip link add t9 type veth peer name t10
    try ip tuntap add t11 mode tun
    try tc qdisc add dev t9 root netem delay 1ms
    try nft 'add table ip t; add chain ip t c { type nat hook postrouting priority 100; }; add rule ip t c ip saddr 10.0.0.0/8 masquerade'
    echo all)";
  const Ran ran = on_node({"unshare", "-n", "bash", "-c", script});
  EXPECT_EQ(ran.output, "all\n") << ran;
}

TEST_F(StandingMachine, IsJudgedWhileSomebodyLooksAround) {
  CommandUnderTest::Running judging =
      command_->start(kJudgeScript + kInQemu + std::vector<std::string>{"--name", "stands"});
  const Ran shell = command_->run({"shell", "--lab", "qemu", "--name", "stands"}, "echo here is $(hostname)\nexit 4\n");
  EXPECT_EQ(shell.status, 4) << shell;
  EXPECT_THAT(shell.output, HasSubstr("here is node-1"));
  const Ran judged = command_->wait(std::move(judging));
  EXPECT_EQ(judged.status, 0) << judged;
  EXPECT_THAT(judged.output, HasSubstr("conformant: 47 passed"));
  EXPECT_THAT(on_node({"ip", "netns"}).output, IsEmpty());
}

TEST_F(StandingMachine, ABrokenTargetFailsInItAsElsewhere) {
  const Ran ran = command_->run(
      std::vector<std::string>{"test", "single-namespace", "--target",
                               "script:" + CommandUnderTest::fixture("broken/single-namespace/host-route-blackholed")} +
      kInQemu + std::vector<std::string>{"--name", "stands"});
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_THAT(ran.output, HasSubstr("single-namespace.host-route"));
}

TEST_F(StandingMachine, SurvivesAFloodAndACommandThatEatsItsMemory) {
  EXPECT_EQ(on_node({"head", "-c", "5000000", "/dev/zero"}).output.size(), 5'000'000u);
  const Ran eaten = on_node({"tail", "/dev/zero"});
  EXPECT_EQ(eaten.status, 128 + SIGKILL) << eaten;
  EXPECT_THAT(on_node({"true"}), HasStatus(0));
}

TEST_F(StandingMachine, OfAnotherKernelIsNotGivenOut) {
  std::ifstream real(qemu::find_kernel("")->path, std::ios::binary);
  std::string image(std::istreambuf_iterator<char>(real), {});
  const std::size_t at = image.find(qemu::find_kernel("")->release + " ");
  ASSERT_NE(at, std::string::npos);
  image[at] = '9';
  const std::string file = command_->write("other/boot/vmlinuz", image);
  command_->write("other/lib/modules/" + std::string("9") + qemu::find_kernel("")->release.substr(1) + "/modules.dep",
                  "");
  const Ran ran = command_->run(up() + std::vector<std::string>{"--kernel", file});
  EXPECT_EQ(ran.status, 3) << ran;
  EXPECT_THAT(ran.errors, AllOf(HasSubstr(qemu::find_kernel("")->release), HasSubstr("netns-lab destroy")));
}

TEST_F(Machines, AStandingOneThatIsKilledWhileATargetRunsIsAnErrorNeverAFailure) {
  MachineCommand command;
  const std::vector<std::string> lab = {"--lab", "qemu", "--name", "dies"};
  ASSERT_THAT(command.run(std::vector<std::string>{"up"} + lab), HasStatus(0));
  const std::string target = hanging_target(command);
  CommandUnderTest::Running running =
      command.start(std::vector<std::string>{"test", "single-namespace", "--target", "script:" + target} + lab);
  const std::vector<std::string> look =
      std::vector<std::string>{"exec"} + lab + std::vector<std::string>{"--", "pgrep", "-f", "^hanging"};
  EXPECT_TRUE(eventually([&] { return command.run(look).status == 0; }));
  ASSERT_THAT(machines_below(), SizeIs(1));
  ::kill(machines_below().front(), SIGKILL);
  expect_all_errors(command, command.wait(std::move(running)));
  EXPECT_THAT(command.run({"list", "labs"}).output, HasSubstr("nobody listens"));
  const Ran dead = command.run(look);
  EXPECT_EQ(dead.status, 3) << dead;
  EXPECT_THAT(dead.errors, HasSubstr("QEMU was killed by SIGKILL"));
  EXPECT_THAT(command.run(std::vector<std::string>{"destroy"} + lab), HasStatus(0));
  EXPECT_THAT(left_by(command), IsEmpty());
}

TEST_F(Machines, OneThatIsKilledMidSuiteIsAnErrorNeverAFailure) {
  MachineCommand command;
  const std::string target = command.write("hangs/setup.sh", "#!/bin/bash\nsleep 600\n", 0755);
  CommandUnderTest::Running running =
      command.start(std::vector<std::string>{"test", "single-namespace", "--target", "script:" + target} + kInQemu);
  const Deadline deadline = Deadline::after(std::chrono::seconds(50));
  const auto begun = [&] { return command.report("record.jsonl").find("worker-started") != std::string::npos; };
  while (!begun() && !deadline.passed()) std::this_thread::yield();
  ASSERT_TRUE(begun()) << command.wait(std::move(running));
  const std::vector<pid_t> machines = machines_below();
  ASSERT_THAT(machines, SizeIs(1));
  ::kill(machines.front(), SIGKILL);
  const Ran ran = command.wait(std::move(running));
  EXPECT_THAT(ran.errors, HasSubstr("QEMU was killed by SIGKILL"));
  expect_all_errors(command, ran);
  EXPECT_THAT(left_by(command), IsEmpty());
}

TEST_F(Machines, EndsWithItsKeeperAndTheNextUpMakesAnother) {
  MachineCommand command;
  const std::vector<std::string> up = {"up", "--lab", "qemu"};
  ASSERT_THAT(command.run(up), HasStatus(0));
  const std::string labs = command.run({"list", "labs", "--json"}).output;
  const std::size_t at = labs.find("\"pid\":");
  ASSERT_NE(at, std::string::npos) << labs;
  ::kill(std::stoi(labs.substr(at + 6)), SIGKILL);
  EXPECT_TRUE(eventually([] { return machines_below().empty(); }));
  EXPECT_THAT(command.run({"list", "labs"}).output, AllOf(HasSubstr("qemu"), HasSubstr("nobody listens")));
  const Ran again = command.run(up);
  EXPECT_EQ(again.status, 0) << again;
  EXPECT_THAT(again.output, HasSubstr("made"));
  EXPECT_THAT(command.run({"destroy", "--lab", "qemu"}), HasStatus(0));
  EXPECT_THAT(left_by(command), IsEmpty());
}

TEST_F(Machines, ALabOfTwoNodesHasTwoAndIsJudgedAcrossThem) {
  MachineCommand command;
  const std::vector<std::string> lab = {"--lab", "qemu", "--name", "two"};
  const Ran up = command.run(std::vector<std::string>{"up", "--nodes", "2"} + lab);
  ASSERT_EQ(up.status, 0) << up;
  EXPECT_THAT(up.output, HasSubstr("2 nodes"));
  EXPECT_THAT(machines_below(), SizeIs(2));
  std::vector<std::string> boots;
  for (const char* number : {"1", "2"}) {
    const Ran ran = command.run(std::vector<std::string>{"exec", "--node", number} + lab +
                                std::vector<std::string>{"--", "cat", "/proc/sys/kernel/random/boot_id"});
    EXPECT_EQ(ran.status, 0) << ran;
    boots.push_back(ran.output);
  }
  EXPECT_NE(boots.front(), boots.back()) << "one kernel";
  const Ran judged =
      command.run(std::vector<std::string>{"test", "multi-node", "--target",
                                           "script:" + CommandUnderTest::fixture("scenarios/multi-node")} +
                  lab);
  EXPECT_EQ(judged.status, 0) << judged;
  // A lab of which one machine is gone is dead.
  ::kill(machines_below().back(), SIGKILL);
  const auto is_dead = [&command] {
    return command.run({"list", "labs"}).output.find("nobody listens") != std::string::npos;
  };
  EXPECT_TRUE(eventually(is_dead));
  EXPECT_THAT(command.run(std::vector<std::string>{"destroy"} + lab), HasStatus(0));
  EXPECT_THAT(left_by(command), IsEmpty());
}

TEST_F(Machines, TwoOfThemWithARouterBetweenCarryAnOverlay) {
  MachineCommand command;
  const std::vector<std::string> lab = {"--lab", "qemu", "--name", "routed"};
  const Ran up = command.run(std::vector<std::string>{"up", "--nodes", "2", "--routed"} + lab);
  ASSERT_EQ(up.status, 0) << up;
  const Ran judged =
      command.run(std::vector<std::string>{"test", "overlay", "--target", "native", "--family", "ipv4"} + lab);
  EXPECT_EQ(judged.status, 0) << judged;
  EXPECT_THAT(judged.output, HasSubstr("conformant: "));
  EXPECT_THAT(command.run(std::vector<std::string>{"destroy"} + lab), HasStatus(0));
  EXPECT_THAT(left_by(command), IsEmpty());
}

TEST_F(Machines, OneOfTwoThatIsKilledMidSuiteIsAnErrorThatNamesIt) {
  MachineCommand command;
  const std::string target = hanging_target(command);
  CommandUnderTest::Running running =
      command.start(std::vector<std::string>{"test", "multi-node", "--target", "script:" + target} + kInQemu);
  const auto begun = [&] { return command.report("record.jsonl").find("worker-started") != std::string::npos; };
  ASSERT_TRUE(eventually(begun, std::chrono::seconds(60))) << command.wait(std::move(running));
  std::vector<pid_t> machines = machines_below();
  ASSERT_THAT(machines, SizeIs(2));
  ::kill(machines.back(), SIGKILL);
  const Ran ran = command.wait(std::move(running));
  EXPECT_THAT(ran.errors, HasSubstr("QEMU was killed by SIGKILL"));
  EXPECT_THAT(command.report("junit.xml"), HasSubstr("the virtual machine of node-"));
  expect_all_errors(command, ran, 63);
  EXPECT_THAT(left_by(command), IsEmpty());
}

TEST_F(Machines, OfTwoUpsAtOnceOneMakesAndTheOtherReuses) {
  MachineCommand command;
  CommandUnderTest::Running first = command.start({"up", "--lab", "qemu"});
  const Ran two = command.run({"up", "--lab", "qemu"});
  const Ran one = command.wait(std::move(first));
  EXPECT_EQ(one.status, 0) << one;
  EXPECT_EQ(two.status, 0) << two;
  EXPECT_THAT(one.output + two.output, AllOf(HasSubstr("made"), HasSubstr("reused")));
  EXPECT_THAT(machines_below(), SizeIs(1));
  EXPECT_THAT(command.run({"destroy", "--lab", "qemu"}), HasStatus(0));
  EXPECT_THAT(left_by(command), IsEmpty());
}

TEST_F(Machines, AnInterruptedRunLeavesNothing) {
  for (const bool while_booting : {true, false}) {
    MachineCommand command;
    CommandUnderTest::Running running = command.start(kJudgeScript + kInQemu);
    const Deadline deadline = Deadline::after(std::chrono::seconds(50));
    const auto reached = [&] {
      return while_booting ? !machines_below().empty()
                           : command.report("record.jsonl").find("worker-started") != std::string::npos;
    };
    while (!reached() && !deadline.passed()) std::this_thread::yield();
    ASSERT_TRUE(reached());
    ::kill(running.pid, SIGINT);
    EXPECT_EQ(command.wait(std::move(running)).status, 130) << (while_booting ? "while booting" : "while judging");
    EXPECT_THAT(left_by(command), IsEmpty());
  }
}

// A copy of the newest kernel that calls itself 9.…, with modules of its own; `lacking`: one that is left out.
std::string copy_of_kernel(const CommandUnderTest& command, const std::string& lacking = "") {
  const auto kernel = qemu::find_kernel("");
  std::ifstream real(kernel->path, std::ios::binary);
  std::string image(std::istreambuf_iterator<char>(real), {});
  image[image.find(kernel->release + " ")] = '9';
  const std::string folder = "copy" + lacking + "/lib/modules/9" + kernel->release.substr(1);
  std::string dependencies;
  std::ifstream file(kernel->modules + "/modules.dep");
  for (std::string line; std::getline(file, line);) {
    if (lacking.empty() || line.find("/" + lacking + ".ko") == std::string::npos) dependencies += line + "\n";
  }
  command.write(folder + "/modules.dep", dependencies);
  for (const char* same : {"modules.builtin", "kernel"}) {
    fs::create_symlink(kernel->modules + "/" + same, command.folder() + "/" + folder + "/" + same);
  }
  return command.write("copy" + lacking + "/boot/vmlinuz", image);
}

TEST_F(Machines, SeveralKernelsAreJudgedSideBySide) {
  MachineCommand command;
  command.patience = std::chrono::minutes(3);
  const auto kernel = qemu::find_kernel("");
  const std::string other = "9" + kernel->release.substr(1);
  const Ran ran = command.run(kJudgeScript + kInQemu +
                              std::vector<std::string>{"--kernel", kernel->path, "--kernel", copy_of_kernel(command)});
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.output, AllOf(HasSubstr(", kernel " + kernel->release), HasSubstr(", kernel " + other),
                                HasSubstr("conformant: 94 passed (2 workers)")));
  EXPECT_THAT(ran.output, HasSubstr("kernels side by side"));
  const std::string report = command.report("junit.xml");
  for (const std::string& release : {kernel->release, other}) {
    EXPECT_THAT(report,
                AllOf(HasSubstr(".IPv4 on " + release + "\""), HasSubstr("name=\"kernel\" value=\"" + release + "\"")));
  }
  EXPECT_THAT(left_by(command), IsEmpty());
}

TEST_F(Machines, WhatAKernelLacksIsASkipThatNamesItsOption) {
  MachineCommand command;
  command.patience = std::chrono::minutes(3);
  const auto kernel = qemu::find_kernel("");
  const Ran ran = command.run(std::vector<std::string>{"test", "bridge", "--target",
                                                       "script:" + CommandUnderTest::fixture("scenarios/bridge"),
                                                       "--filter", "bridge.build", "--kernel", kernel->path, "--kernel",
                                                       copy_of_kernel(command, "bridge")} +
                              kInQemu);
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.output, HasSubstr("bridge.build"));
  EXPECT_THAT(ran.output, HasSubstr("(CONFIG_BRIDGE), which bridge is made of"));
  EXPECT_THAT(command.report_lines("<skipped"), Each(HasSubstr("has no bridge (CONFIG_BRIDGE)")));
  EXPECT_THAT(left_by(command), IsEmpty());
}

TEST_F(Machines, OneKernelThatCannotBeUsedDoesNotKeepTheOtherFromBeingJudged) {
  MachineCommand command;
  const auto kernel = qemu::find_kernel("");
  const Ran ran = command.run(kJudgeScript + kInQemu +
                              std::vector<std::string>{"--kernel", "/nosuch/vmlinuz", "--kernel", kernel->path});
  EXPECT_EQ(ran.status, 3) << ran;
  EXPECT_THAT(ran.output, AllOf(HasSubstr("/nosuch/vmlinuz"), HasSubstr("conformant: 47 passed")));
  EXPECT_THAT(command.report_lines("<error"), ElementsAre(HasSubstr("apt-get install")));
  EXPECT_THAT(left_by(command), IsEmpty());
}

TEST_F(Machines, HaveTheMemoryAndTheProcessorsThatAreAskedFor) {
  MachineCommand command;
  const std::vector<std::string> lab = {"--lab", "qemu", "--name", "large"};
  const Ran made = command.run(std::vector<std::string>{"up", "--memory", "700M", "--cpus", "1"} + lab);
  ASSERT_EQ(made.status, 0) << made;
  const auto on_node = [&](const std::vector<std::string>& argv) {
    return command.run(std::vector<std::string>{"exec"} + lab + std::vector<std::string>{"--"} + argv).output;
  };
  EXPECT_EQ(on_node({"nproc"}), "1\n");
  const std::string memory = on_node({"awk", "/MemTotal/ {print int($2 / 1024)}", "/proc/meminfo"});
  EXPECT_THAT(std::stoi(memory), AllOf(Ge(600), testing::Le(700))) << memory;
  EXPECT_THAT(command.run(std::vector<std::string>{"destroy"} + lab), HasStatus(0));
  EXPECT_THAT(left_by(command), IsEmpty());
}

TEST_F(Machines, AKernelThatCannotBootIsToldAndNothingIsLeft) {
  MachineCommand command;
  std::ifstream real(qemu::find_kernel("")->path, std::ios::binary);
  std::string image(std::istreambuf_iterator<char>(real), {});
  const std::string file = command.write("vmlinuz-cut", image.substr(0, 200'000));
  const Ran ran = command.run({"up", "--lab", "qemu", "--kernel", file});
  EXPECT_EQ(ran.status, 3) << ran;
  EXPECT_THAT(ran.errors, AllOf(HasSubstr(file), HasSubstr("before it said hello")));
  EXPECT_THAT(left_by(command), IsEmpty());
}

}  // namespace
}  // namespace netns_lab::cli
