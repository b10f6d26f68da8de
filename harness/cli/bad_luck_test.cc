// What may happen to a run at any moment: signals, limits, a machine that refuses, another run.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>

#include "harness/cli/command_under_test.h"

namespace netns_lab::cli {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::Contains;
using testing::EndsWith;
using testing::Eq;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kCannotArrange = 99;  // status of a child in which the test could not arrange what it needs

class BadLuck : public testing::Test {
 protected:
  // A target that builds nothing until somebody stops it, and tells that it has begun.
  std::vector<std::string> hanging_run() {
    const std::string path = command_.write("hangs/setup.sh", "#!/bin/bash\nsleep 600\n", 0755);
    return {"test", "single-namespace", "--target", "script:" + path};
  }
  CommandUnderTest::Running start_hanging(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = hanging_run();
    arguments.insert(arguments.end(), more.begin(), more.end());
    CommandUnderTest::Running running = command_.start(arguments);
    EXPECT_TRUE(eventually([&] { return has_descendant(running.pid, "sleep"); })) << "the target never began";
    return running;
  }
  void expect_error_in_report(const std::string& why) {
    EXPECT_THAT(command_.report_lines("<error"), Contains(HasSubstr(why)));
    EXPECT_THAT(command_.report_lines("<failure"), IsEmpty());
    EXPECT_THAT(command_.report("junit.xml"), EndsWith("</testsuites>\n"));
  }

  static std::vector<pid_t> children_of(pid_t pid) {
    std::vector<pid_t> found;
    std::error_code gone;  // it may end while we look
    // A child belongs to the thread that forked it: an agent has many.
    for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
      std::ifstream file(thread.path() / "children");
      found.insert(found.end(), std::istream_iterator<pid_t>(file), std::istream_iterator<pid_t>());
    }
    return found;
  }
  static std::vector<pid_t> descendants_of(pid_t pid) {
    std::vector<pid_t> found;
    for (const pid_t child : children_of(pid)) {
      found.push_back(child);
      const std::vector<pid_t> below = descendants_of(child);
      found.insert(found.end(), below.begin(), below.end());
    }
    return found;
  }
  static std::string name_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
  }
  static bool has_descendant(pid_t pid, const std::string& name) {
    for (const pid_t one : descendants_of(pid)) {
      if (name_of(one) == name) return true;
    }
    return false;
  }
  static bool is_worker(pid_t pid) {  // leads a process group, and is in the session of the command
    return ::getpgid(pid) == pid && ::getsid(pid) != pid;
  }

  CommandUnderTest command_;
};

struct Stop {
  std::string name;
  int signal;
  std::string says;
};
std::ostream& operator<<(std::ostream& out, const Stop& row) { return out << row.name; }
class StoppingSignal : public BadLuck, public testing::WithParamInterface<Stop> {};

TEST_P(StoppingSignal, CleansUpAndExitsWith130) {
  CommandUnderTest::Running running = start_hanging();
  ::kill(running.pid, GetParam().signal);
  const Ran ran = command_.wait(std::move(running));
  EXPECT_EQ(ran.status, 130) << ran;
  EXPECT_THAT(CommandUnderTest::leavings(std::chrono::milliseconds(100)), IsEmpty());
  expect_error_in_report(GetParam().says);
}

INSTANTIATE_TEST_SUITE_P(Command, StoppingSignal,
                         testing::Values(Stop{"Interrupt", SIGINT, "interrupted"},
                                         Stop{"Terminate", SIGTERM, "SIGTERM"}, Stop{"HangUp", SIGHUP, "hung up"}),
                         [](const testing::TestParamInfo<Stop>& row) { return row.param.name; });

TEST_P(StoppingSignal, EndsRunWith130AndSaysWhatStays) {
  const std::string path = command_.write("hangs/setup.sh", "#!/bin/bash\nsleep 600\n", 0755);
  CommandUnderTest::Running running =
      command_.start({"run", "single-namespace", "--name", "begun", "--target", "script:" + path});
  ASSERT_TRUE(eventually([] { return has_descendant(::getpid(), "sleep"); }));
  ::kill(running.pid, GetParam().signal);
  const Ran ran = command_.wait(std::move(running));
  EXPECT_EQ(ran.status, 130) << ran;
  EXPECT_THAT(ran.errors, AllOf(HasSubstr("run: interrupted"), HasSubstr("netns-lab destroy --name begun")));
  EXPECT_THAT(command_.run({"destroy", "--name", "begun"}), HasStatus(0));
  EXPECT_THAT(CommandUnderTest::leavings(), IsEmpty());
}

TEST_F(BadLuck, ALabThatSomebodyDestroysIsALostOne) {
  ASSERT_THAT(command_.run({"up", "--name", "doomed"}), HasStatus(0));
  std::vector<std::string> arguments = hanging_run();
  arguments.insert(arguments.end(), {"--name", "doomed"});
  CommandUnderTest::Running running = command_.start(arguments);
  ASSERT_TRUE(eventually([] { return has_descendant(::getpid(), "sleep"); }));
  EXPECT_THAT(command_.run({"destroy", "--name", "doomed"}), HasStatus(0));
  const Ran ran = command_.wait(std::move(running));
  EXPECT_EQ(ran.status, 3) << ran;
  expect_error_in_report("");
  EXPECT_THAT(CommandUnderTest::leavings(), IsEmpty());
}

TEST_F(BadLuck, AFolderThatIsGoneIsNoHindrance) {
  const std::string folder = command_.folder() + "/gone";
  command_.before_execution = [&folder] {
    if (::mkdir(folder.c_str(), 0755) != 0 || ::chdir(folder.c_str()) != 0 || ::rmdir(folder.c_str()) != 0)
      ::_exit(kCannotArrange);
  };
  const Ran ran = command_.run({"test", "single-namespace", "--target", "native"});
  EXPECT_EQ(ran.status, 0) << ran;
}

TEST_F(BadLuck, ADeadlineEndsTheRunWith124) {
  std::vector<std::string> arguments = hanging_run();
  arguments.insert(arguments.end(), {"--deadline", "1.5"});
  const Ran ran = command_.run(arguments);
  EXPECT_EQ(ran.status, 124) << ran;
  EXPECT_THAT(ran.errors, HasSubstr("deadline of 1.5 s"));
  EXPECT_THAT(CommandUnderTest::leavings(std::chrono::milliseconds(100)), IsEmpty());
  expect_error_in_report("deadline");
}

TEST_F(BadLuck, AKilledSupervisorTakesEverythingWithItAndLeavesValidReports) {
  CommandUnderTest::Running running = start_hanging();
  ::kill(running.pid, SIGKILL);
  EXPECT_EQ(command_.wait(std::move(running)).status, 128 + SIGKILL);
  EXPECT_THAT(CommandUnderTest::leavings(), IsEmpty());
  expect_error_in_report("");
}

TEST_F(BadLuck, AKilledWorkerIsAnErrorOfOurs) {
  CommandUnderTest::Running running = start_hanging();
  for (const pid_t child : children_of(running.pid)) {
    if (is_worker(child)) ::kill(child, SIGKILL);
  }
  const Ran ran = command_.wait(std::move(running));
  EXPECT_EQ(ran.status, 4) << ran;
  EXPECT_THAT(CommandUnderTest::leavings(), IsEmpty());
  expect_error_in_report("killed by SIGKILL");
}

TEST_F(BadLuck, AKilledAgentIsALostLab) {
  CommandUnderTest::Running running = start_hanging();
  bool killed = false;
  for (const pid_t child : children_of(running.pid)) {
    // The lab in which the script hangs, not the fresh one beside it.
    if (is_worker(child) || !has_descendant(child, "sleep")) continue;
    for (const pid_t below : descendants_of(child)) {
      if (killed || name_of(below) == "sleep" || name_of(below) == "setup.sh") continue;
      ::kill(below, SIGKILL);
      killed = true;
    }
  }
  ASSERT_TRUE(killed);
  const Ran ran = command_.wait(std::move(running));
  EXPECT_EQ(ran.status, 3) << ran;
  EXPECT_THAT(CommandUnderTest::leavings(), IsEmpty());
  expect_error_in_report("");
}

TEST_F(BadLuck, ASecondRunInOneLabIsRefusedAtOnce) {
  ASSERT_THAT(command_.run({"up", "--name", "shared"}), HasStatus(0));
  CommandUnderTest::Running first = command_.start([&] {
    std::vector<std::string> arguments = hanging_run();
    arguments.insert(arguments.end(), {"--name", "shared"});
    return arguments;
  }());
  // The lab is nobody's child any more, so it has become the test's.
  ASSERT_TRUE(eventually([] { return has_descendant(::getpid(), "sleep"); }));
  const Ran second = command_.run({"test", "single-namespace", "--target", "native", "--name", "shared", "--report-dir",
                                   command_.folder() + "/second"});
  EXPECT_EQ(second.status, 3) << second;
  ::kill(first.pid, SIGINT);
  EXPECT_THAT(command_.wait(std::move(first)), HasStatus(130));
  const Ran third = command_.run({"test", "single-namespace", "--target", "native", "--name", "shared"});
  EXPECT_EQ(third.status, 0) << third;
}

TEST_F(BadLuck, ASecondRunWithTheSameReportsIsRefusedAtOnce) {
  CommandUnderTest::Running first = start_hanging();
  const Ran second = command_.run({"test", "single-namespace", "--target", "native"});
  EXPECT_EQ(second.status, 3) << second;
  EXPECT_THAT(second.errors, AllOf(HasSubstr("--report-dir"), HasSubstr("another netns-lab run is writing there")));
  ::kill(first.pid, SIGINT);
  EXPECT_THAT(command_.wait(std::move(first)), HasStatus(130));
}

// Some containers on a bridge: how many, and how many descriptors a node needs for them (six each for a look, and 64).
constexpr auto kContainers = "12";
constexpr rlim_t kDescriptors = 64 + 6 * 12;

TEST_F(BadLuck, TooFewDescriptorsAreALackOfTheMachineToldBeforeAnythingIsBuilt) {
  command_.before_execution = [] {
    constexpr rlimit kFew{.rlim_cur = kDescriptors - 1, .rlim_max = kDescriptors - 1};
    if (::setrlimit(RLIMIT_NOFILE, &kFew) != 0) ::_exit(kCannotArrange);
  };
  const Ran ran = command_.run({"test", "bridge", "--containers", kContainers});
  EXPECT_EQ(ran.status, 3) << ran;
  EXPECT_THAT(ran.output, AllOf(HasSubstr("136 descriptors are open at once"), HasSubstr("it may have 135"),
                                HasSubstr("ulimit -n 136")));
  expect_error_in_report("136 descriptors");
}

TEST_F(BadLuck, JustEnoughDescriptorsDoThoughTheSoftLimitIsLower) {
  command_.before_execution = [] {
    constexpr rlimit kEnough{.rlim_cur = 32, .rlim_max = kDescriptors};
    if (::setrlimit(RLIMIT_NOFILE, &kEnough) != 0) ::_exit(kCannotArrange);
  };
  const Ran ran = command_.run({"test", "bridge", "--containers", kContainers});
  EXPECT_EQ(ran.status, 0) << ran;
}

TEST_F(BadLuck, AnInterruptInTheMeshLeavesNothing) {
  // Long enough that it is still under way.
  CommandUnderTest::Running running =
      command_.start({"test", "bridge", "--containers", "300", "--filter", "bridge-scale.mesh"});
  ASSERT_TRUE(eventually(
      [&] { return command_.report("record.jsonl").find("\"EveryContainerReachesEveryOther\"") != std::string::npos; },
      std::chrono::seconds(50)));
  const auto asked = std::chrono::steady_clock::now();
  ::kill(running.pid, SIGINT);
  const Ran ran = command_.wait(std::move(running));
  EXPECT_EQ(ran.status, 130) << ran;
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(5));
  EXPECT_THAT(CommandUnderTest::leavings(std::chrono::milliseconds(100)), IsEmpty());
  expect_error_in_report("interrupted");
}

// Becomes root of a user namespace of its own, so that limits can be set that concern nobody else.
void enter_own_user_namespace() {
  const auto write_file = [](const char* path, const std::string& text) {
    const int fd = ::open(path, O_WRONLY);
    if (fd < 0 || ::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::_exit(kCannotArrange);
    ::close(fd);
  };
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(kCannotArrange);
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", "0 0 1");
  write_file("/proc/self/gid_map", "0 0 1");
}

void use_up_user_namespaces() {
  enter_own_user_namespace();
  const int fd = ::open("/proc/sys/user/max_user_namespaces", O_WRONLY);
  if (fd < 0 || ::write(fd, "0", 1) != 1) ::_exit(kCannotArrange);
  ::close(fd);
}

TEST_F(BadLuck, AFullQuotaOfNamespacesIsALackOfTheMachine) {
  command_.before_execution = &use_up_user_namespaces;
  const Ran ran = command_.run({"test", "single-namespace", "--target", "native"});
  if (ran.status == kCannotArrange) GTEST_SKIP() << "the quota of user namespaces cannot be set here";
  EXPECT_EQ(ran.status, 3) << ran;
  EXPECT_THAT(command_.report_lines("<failure"), IsEmpty());
  EXPECT_THAT(ran.output + ran.errors, HasSubstr("user namespace"));
}

TEST_F(BadLuck, NoPrivilegeAtAllIsALackOfTheMachine) {
  command_.before_execution = [] {
    use_up_user_namespaces();
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct none[2] = {};
    for (int capability = 0; capability <= 63; ++capability) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (::syscall(SYS_capset, &header, none) != 0) ::_exit(kCannotArrange);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  };
  for (const std::vector<std::string>& lab : {std::vector<std::string>{}, {"--privileged"}, {"--lab", "host"}}) {
    std::vector<std::string> arguments{"test", "single-namespace", "--target", "native"};
    arguments.insert(arguments.end(), lab.begin(), lab.end());
    const Ran ran = command_.run(arguments);
    if (ran.status == kCannotArrange) GTEST_SKIP() << "privileges cannot be dropped here";
    EXPECT_EQ(ran.status, 3) << ran;
    EXPECT_THAT(command_.report_lines("<failure"), IsEmpty());
  }
}

TEST_F(BadLuck, AReadOnlyProcSysIsNeverTheTargetsFault) {
  command_.before_execution = [] {
    enter_own_user_namespace();
    if (::mount("/proc/sys", "/proc/sys", nullptr, MS_BIND | MS_REC, nullptr) != 0 ||
        ::mount(nullptr, "/proc/sys", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                nullptr) != 0) {
      ::_exit(kCannotArrange);
    }
  };
  const Ran ran = command_.run({"test", "single-namespace", "--target", "native"});
  if (ran.status == kCannotArrange) GTEST_SKIP() << "/proc/sys cannot be made read-only here";
  EXPECT_THAT(ran.status, AnyOf(Eq(0), Eq(3))) << ran;
  EXPECT_THAT(command_.report_lines("<failure"), IsEmpty());
}

TEST_F(BadLuck, NobodyReadingTheResultsHarmsNobody) {
  command_.before_execution = [] {
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(kCannotArrange);
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
  };
  const Ran ran = command_.run({"test", "single-namespace", "--target", "native"});
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(command_.report("junit.xml"), HasSubstr("</testsuites>"));
}

TEST_F(BadLuck, ResultsThatCannotBeWrittenAreToldOf) {
  command_.before_execution = [] {
    const int full = ::open("/dev/full", O_WRONLY);
    if (full < 0) ::_exit(kCannotArrange);
    ::dup2(full, STDOUT_FILENO);
    ::close(full);
  };
  const Ran ran = command_.run({"list", "requirements", "--json"});
  EXPECT_EQ(ran.status, 2) << ran;
  EXPECT_THAT(ran.errors, HasSubstr("standard output: it cannot be written"));
}

TEST_F(BadLuck, WithoutQemuAMachineIsMissingAndThePackageIsNamed) {
  command_.environment["PATH"] = command_.folder();
  const Ran ran = command_.run({"test", "single-namespace", "--lab", "qemu"});
  EXPECT_EQ(ran.status, 3) << ran;
  EXPECT_THAT(ran.errors, HasSubstr("there is no qemu-system-x86_64 here; apt-get install qemu-system-x86")) << ran;
  expect_error_in_report("apt-get install qemu-system-x86");
}

TEST_F(BadLuck, WithoutAnyKernelAMachineIsMissingAndThePackageIsNamed) {
  command_.write("programs/qemu-system-x86_64", "#!/bin/sh\nexit 7\n", 0755);  // never started
  command_.environment["PATH"] = command_.folder() + "/programs";
  command_.before_execution = [] {
    const bool is_arranged =
        ::unshare(CLONE_NEWNS) == 0 && (::mount("none", "/boot", "tmpfs", 0, nullptr) == 0 || errno == ENOENT);
    if (!is_arranged) ::_exit(kCannotArrange);
  };
  const Ran ran = command_.run({"test", "single-namespace", "--lab", "qemu"});
  EXPECT_EQ(ran.status, 3) << ran;
  EXPECT_THAT(ran.errors, HasSubstr("there is no /boot/vmlinuz-*")) << ran;
  expect_error_in_report("apt-get install linux-image-cloud-amd64");
}

}  // namespace
}  // namespace netns_lab::cli
