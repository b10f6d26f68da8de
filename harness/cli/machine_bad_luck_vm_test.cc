// What may happen to a virtual machine while a network is judged in it: each of these tests boots a real one, to which
// it happens. The run ends with what was running as `error`, a whole report, and one line that names the cause.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "harness/cli/command_under_test.h"
#include "harness/cli/machine_under_test.h"

namespace netns_lab::cli {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::EndsWith;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class BadLuckOfMachines : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = missing_for_machines(); !missing.empty()) GTEST_SKIP() << missing;
  }
  BadLuckOfMachines() {
    without_kvm(command_);  // what stands in the way of QEMU is made for one start
    command_.patience = std::chrono::minutes(3);
  }

  Ran judge(const std::string& target) {
    return command_.run({"test", "single-namespace", "--lab", "qemu", "--target", target});
  }
  Ran judge_hanging() { return judge("script:" + hanging_target(command_)); }
  Ran judge_shipped() { return judge("script:" + CommandUnderTest::fixture("scenarios/single-namespace")); }

  // Errors that name the cause, never a failure of the target, and the console as evidence.
  void expect_errors(const Ran& ran, const std::string& cause) {
    EXPECT_EQ(ran.status, 3) << ran;
    const std::vector<std::string> errors = command_.report_lines("<error");
    EXPECT_THAT(errors, AllOf(SizeIs(Ge(1)), Each(HasSubstr(cause)))) << ran;
    EXPECT_THAT(command_.report_lines("<failure"), IsEmpty());
    EXPECT_THAT(errors, Contains(HasSubstr("console ends:"))) << ran;
    EXPECT_THAT(command_.report_lines("<system-out"), Contains(HasSubstr("[[ATTACHMENT|console.log]]")));
    EXPECT_NE(command_.report("console.log").find("netns-lab: ready"), std::string::npos);
    EXPECT_THAT(command_.report("junit.xml"), EndsWith("</testsuites>\n"));
    EXPECT_THAT(ran.output, HasSubstr(cause)) << ran;
    EXPECT_THAT(left_by(command_), IsEmpty());
  }

  CommandUnderTest command_;
};

TEST_F(BadLuckOfMachines, AKernelThatPanics) {
  QemuInTheWay qemu(command_);
  qemu.in_guest("echo c >/proc/sysrq-trigger");  // Documentation/admin-guide/sysrq.rst
  const Ran ran = judge_hanging();
  expect_errors(ran, "its kernel panicked: sysrq triggered crash");
  EXPECT_THAT(ran.errors, HasSubstr("its kernel panicked: sysrq triggered crash"));
  EXPECT_THAT(command_.report("junit.xml"), HasSubstr("Kernel panic - not syncing: sysrq triggered crash"));
}

// The target's grandparent: the agent, and between them who ends it with the agent.
TEST_F(BadLuckOfMachines, AnAgentThatIsKilled) {
  QemuInTheWay qemu(command_);
  qemu.in_guest("of() { ps -o ppid= -p $1; }; kill -9 $(of $(of $(pgrep -f ^hanging)))");
  const Ran ran = judge_hanging();
  expect_errors(ran, "agent of node-1 ended");
}

TEST_F(BadLuckOfMachines, ATargetThatEatsItsMemory) {
  const Ran ran = judge("script:" + command_.write("eats/setup.sh", "#!/bin/bash\nexec tail /dev/zero\n", 0755));
  expect_errors(ran, "its memory was used up: Out of memory: Killed process");
  EXPECT_THAT(ran.output, HasSubstr("--memory"));
}

// Nothing of what fills it can be ended, so that everything else is, until the kernel gives up.
TEST_F(BadLuckOfMachines, AMachineWhoseMemoryIsFullOfFiles) {
  QemuInTheWay qemu(command_);
  qemu.in_guest(
      "echo -1000 >/proc/self/oom_score_adj; while true; do for at in /run /tmp /dev/shm; do cat /dev/zero >>$at/full; "
      "done; done 2>/dev/null");
  const Ran ran = judge_hanging();
  expect_errors(ran, "memory");
}

// That is the target's own fault, and no more than its node's.
TEST_F(BadLuckOfMachines, ATargetThatFillsItsDiskFails) {
  const Ran ran = judge("script:" + command_.write("fills/setup.sh", "#!/bin/bash\ncat /dev/zero >/tmp/full\n", 0755));
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_THAT(command_.report_lines("<failure"), Contains(HasSubstr("No space left on device"))) << ran;
  EXPECT_THAT(command_.report_lines("<error"), IsEmpty());
  EXPECT_THAT(left_by(command_), IsEmpty());
}

TEST_F(BadLuckOfMachines, AClockThatJumps) {
  QemuInTheWay qemu(command_);
  qemu.in_guest_from_the_beginning(
      "until [ -e /dev/vport0p1 ]; do sleep 0.1; done\n"
      "while true; do date -s '2031-01-01' >/dev/null; sleep 0.1; date -s '2001-01-01' >/dev/null; sleep 0.1; done");
  const Ran ran = judge_shipped();
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.output, HasSubstr("conformant: 47 passed"));
  EXPECT_THAT(left_by(command_), IsEmpty());
}

// Between the machine and its keeper: what the machine sends goes through `$there`, which writes to descriptor 3.
std::string port_through(const std::string& there) {
  return "mkfifo \"$here/port.in\" \"$here/port.out\"\n"
         "change socket,id=port,fd=3 \"pipe,id=port,path=$here/port\"\n"
         "cat <&3 >\"$here/port.in\" 4>&- 5>&- & there=$!\n"
         "{ " +
         there +
         "; kill $there; } <\"$here/port.out\" >&3 4>&- 5>&- &\n"
         "exec 3>&-\n";
}

TEST_F(BadLuckOfMachines, AStreamThatIsCutInTheMiddleOfAMessage) {
  QemuInTheWay qemu(command_);
  qemu.before_start(port_through("stdbuf -o0 head -c 50001"));
  const Ran ran = judge_shipped();
  expect_errors(ran, "its port ended, and QEMU runs on");
}

TEST_F(BadLuckOfMachines, AMachineThatFloodsItsStreamWithNonsense) {
  QemuInTheWay qemu(command_);
  qemu.before_start(port_through("stdbuf -o0 head -c 50001; cat /dev/zero"));
  const Ran ran = judge_shipped();
  // Where it begins in the middle of a reply, that is what a worker sees first: then it is taken for our own mistake.
  EXPECT_THAT(ran.status, AnyOf(3, 4)) << ran;
  EXPECT_THAT(command_.report_lines("<error"), Contains(HasSubstr("does not speak this protocol"))) << ran;
  EXPECT_THAT(command_.report_lines("<failure"), IsEmpty());
  EXPECT_THAT(command_.report("junit.xml"), EndsWith("</testsuites>\n"));
  EXPECT_THAT(left_by(command_), IsEmpty());
}

TEST_F(BadLuckOfMachines, APortThatComesLateIsWaitedFor) {
  QemuInTheWay qemu(command_);
  // The port is plugged in when the first process waits for it: between its file and the time it can be opened is a
  // gap.
  qemu.before_start(
      "for i in \"${!args[@]}\"; do [[ ${args[i]} = virtserialport,* ]] && unset 'args[i]' 'args[i-1]'; done\n"
      "change '/proc/self/fd/4,append=on' \"$here/console,append=on\"\n"
      "mkfifo \"$here/monitor\"\n"
      "exec 0<>\"$here/monitor\"\n"
      "{ until grep -qs 'waiting for /dev/vport0p1' \"$here/console\"; do sleep 0.02; done\n"
      "  echo 'device_add virtserialport,chardev=port,name=netns-lab'; } >\"$here/monitor\" 3>&- 4>&- 5>&- &\n"
      "args+=(-monitor stdio)\n");
  const Ran up = command_.run({"up", "--lab", "qemu", "--name", "late"});
  EXPECT_EQ(up.status, 0) << up;
  EXPECT_THAT(up.errors, Not(HasSubstr("hello"))) << up;
  EXPECT_THAT(command_.run({"destroy", "--lab", "qemu", "--name", "late"}), HasStatus(0));
  EXPECT_THAT(left_by(command_), IsEmpty());
}

}  // namespace
}  // namespace netns_lab::cli
