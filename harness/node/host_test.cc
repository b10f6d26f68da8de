#include "harness/node/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include <array>
#include <chrono>
#include <csignal>
#include <set>

#include "harness/node/journal.h"
#include "harness/node/sandbox_fake_agent.h"
#include "harness/node/sandbox_process.h"

namespace netns_lab::node {
namespace {

using std::chrono::seconds;
using test::ask;
using test::descendants;
using test::ends_by;
using test::left_by;
using test::machine;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto kPatience = seconds(20);
constexpr auto kJournals = "/run/netns-lab-test/journal";

HostSpec shell() {
  HostSpec spec;
  spec.agent = test::serve_shell;
  spec.journal_directory = kJournals;
  spec.log = 2;
  return spec;
}

class Host : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    left_by(Deadline::after(kPatience));
    machine(
        "ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up; ip addr add 192.0.2.77/24 "
        "dev up0");
  }
  void TearDown() override {
    EXPECT_THAT(left_by(Deadline::after(kPatience)), IsEmpty()) << "processes are left";
    EXPECT_EQ(machine("ls /run/netns-lab-test/journal 2>/dev/null"), "") << "journals are left";
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    machine("ip link delete up0; ip link delete br7; rm -rf /run/netns-lab-test");
  }
};

TEST_F(Host, SharesTheMachinesNetwork) {
  const auto stream = start_host(shell());
  ASSERT_TRUE(stream) << stream.error();
  EXPECT_EQ(ask(*stream, "readlink /proc/self/ns/net").output, machine("readlink /proc/self/ns/net"));
  EXPECT_THAT(ask(*stream, "context").output, HasSubstr("provider host"));
  EXPECT_THAT(ask(*stream, "context").output, HasSubstr("uplink up0\naddress 192.0.2.77/24"));
}

TEST_F(Host, HasMountsAndProcessesOfItsOwn) {
  const auto stream = start_host(shell());
  ASSERT_TRUE(stream) << stream.error();
  EXPECT_EQ(ask(*stream, "ip netns add inside && ls /run/netns").output, "inside");
  EXPECT_THAT(machine("ls /run/netns/inside"), HasSubstr("No such file"));
  EXPECT_THAT(ask(*stream, "cat /proc/1/status").output, HasSubstr("Pid:\t1\n"));
  EXPECT_EQ(ask(*stream, "ls -A /home/ubuntu").output, "");
}

// udev's folder is in the machine's /run, which the node's own hides.
TEST_F(Host, SeesWhatTheMachinesDeviceManagerIsThroughWith) {
  {
    const auto stream = start_host(shell());
    ASSERT_TRUE(stream) << stream.error();
    EXPECT_EQ(ask(*stream, "device-database").output, "none");
  }
  machine("mkdir -p /run/udev/data && touch /run/udev/control");
  {
    const auto stream = start_host(shell());
    ASSERT_TRUE(stream) << stream.error();
    EXPECT_EQ(ask(*stream, "device-database").output, "none") << "it has not heard of the uplink";
    machine("touch /run/udev/data/n" + std::to_string(::if_nametoindex("up0")));
    EXPECT_EQ(ask(*stream, "device-database").output, "there");
    EXPECT_THAT(ask(*stream, "ls /run/udev").output, HasSubstr("No such file")) << "a target does not see it";
  }
  machine("rm -r /run/udev");
}

// As on a machine of its own, and after `ip netns exec`.
TEST_F(Host, RunsWhereSysTellsOfItsNetworkAlready) {
  machine("mount -t sysfs sysfs /sys");
  {
    const auto stream = start_host(shell());
    ASSERT_TRUE(stream) << stream.error();
    EXPECT_THAT(ask(*stream, "ls /sys/class/net").output, HasSubstr("up0"));
    EXPECT_EQ(ask(*stream, "echo a >/sys/class/net/up0/ifalias && cat /sys/class/net/up0/ifalias").output, "a");
    EXPECT_THAT(ask(*stream, "echo 1 >/sys/kernel/profiling").output, HasSubstr("Read-only file system"));
    EXPECT_THAT(ask(*stream, "context").output, Not(HasSubstr("/sys")));
  }
  machine("umount /sys");
}

TEST_F(Host, CannotWriteTheMachinesFiles) {
  const auto stream = start_host(shell());
  ASSERT_TRUE(stream) << stream.error();
  EXPECT_THAT(ask(*stream, "touch /x").output, HasSubstr("Read-only file system"));
  ASSERT_EQ(ask(*stream, "echo a >/etc/left && cat /etc/left").output, "a");
  EXPECT_NE(::access("/etc/left", F_OK), 0);
  EXPECT_EQ(ask(*stream, "leftovers").output, "/etc/left");
}

TEST_F(Host, NeedsItsCapabilities) {
  const auto child = fork_child([] {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    if (::syscall(SYS_capset, &header, none.data()) != 0) return 1;
    const auto stream = start_host(shell());
    if (stream) return 2;
    const bool told = stream.error().message().find("CAP_SYS_ADMIN") != std::string::npos;
    return stream.error().kind == ErrorKind::kMissing && told ? 0 : 3;
  });
  ASSERT_TRUE(child) << child.error();
  int status = -1;
  ASSERT_EQ(::waitpid(child->pid, &status, 0), child->pid);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Whoever of them is killed: what was changed is as it was, once all are gone or at the latest when the next lab is
// started.
class HostUndoes : public Host {
 protected:
  void SetUp() override {
    Host::SetUp();
    auto started = start_host(shell());
    ASSERT_TRUE(started) << started.error();
    stream_ = *std::move(started);
    ASSERT_EQ(ask(stream_, "journal-link br7").output, "noted");
    ASSERT_EQ(ask(stream_, "ip link add br7 type bridge && echo 1 >/proc/sys/net/ipv4/ip_forward && echo done").output,
              "done");
    ASSERT_THAT(machine("ip -o link show br7; cat /proc/sys/net/ipv4/ip_forward"), HasSubstr("\n1"));
    lab_ = descendants();
    ASSERT_EQ(lab_.size(), 2u);
  }
  static void expect_undone() {
    EXPECT_THAT(left_by(Deadline::after(kPatience)), IsEmpty());
    EXPECT_THAT(machine("ip link show br7"), HasSubstr("does not exist"));
    EXPECT_EQ(machine("cat /proc/sys/net/ipv4/ip_forward"), "0");
  }
  pid_t guard() const { return *lab_.begin(); }  // forked first
  pid_t agent() const { return *lab_.rbegin(); }
  UniqueFd stream_;
  std::set<pid_t> lab_;
};

TEST_F(HostUndoes, WhenTheSessionEnds) {
  stream_.reset();
  expect_undone();
}

TEST_F(HostUndoes, WhenTheAgentIsKilled) {
  ASSERT_EQ(::kill(agent(), SIGKILL), 0);
  expect_undone();
}

TEST_F(HostUndoes, AtTheNextStartWhenTheGuardIsKilled) {
  ASSERT_EQ(::kill(guard(), SIGKILL), 0);
  ASSERT_TRUE(ends_by(stream_, Deadline::after(kPatience))) << "the agent outlived its guard";
  const auto next = start_host(shell());
  ASSERT_TRUE(next) << next.error();
  EXPECT_THAT(machine("ip link show br7"), HasSubstr("does not exist"));
  EXPECT_EQ(machine("cat /proc/sys/net/ipv4/ip_forward"), "0");
}

TEST_F(HostUndoes, AtTheNextStartWhenBothAreKilled) {
  const auto watched = open_process(guard());
  ASSERT_TRUE(watched) << watched.error();
  ASSERT_EQ(::kill(guard(), SIGKILL), 0);
  ::kill(agent(), SIGKILL);  // it may have died with its guard already
  pollfd ended{.fd = watched->get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&ended, 1, Deadline::after(kPatience).poll_timeout()), 1);
  EXPECT_THAT(recover_journals(kJournals).value().left, IsEmpty());
  expect_undone();
}

TEST_F(HostUndoes, NothingOfALabThatLives) {
  EXPECT_THAT(recover_journals(kJournals).value().left, IsEmpty());
  EXPECT_THAT(machine("ip -o link show br7"), HasSubstr("br7"));
  stream_.reset();
  expect_undone();
}

}  // namespace
}  // namespace netns_lab::node
