#include "harness/node/sandbox.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <ostream>

#include "harness/node/sandbox_fake_agent.h"

namespace netns_lab::node {
namespace {

using std::chrono::seconds;
using test::Answer;
using test::ask;
using ::testing::HasSubstr;

SandboxSpec shells() {
  SandboxSpec spec;
  spec.node_agent = test::serve_shell;
  spec.outside_agent = test::serve_shell;
  spec.log = 2;
  return spec;
}

// One lab for the tests that only look.
class Sandbox : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = start_sandbox(shells());
    if (started) {
      lab_ = new SandboxStreams(*std::move(started));
    } else {
      problem_ = started.error().message();
    }
  }
  static void TearDownTestSuite() {
    delete lab_;
    lab_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(lab_, nullptr) << problem_; }

  static std::string node(const std::string& command) {
    const Answer answer = ask(lab_->node, command);
    return answer.status == 0 ? answer.output : fmt::format("{} [status {}]", answer.output, answer.status);
  }
  static SandboxStreams* lab_;
  static std::string problem_;
};
SandboxStreams* Sandbox::lab_ = nullptr;
std::string Sandbox::problem_;

struct Look {
  const char* name;
  const char* command;
  const char* shows;
};
void PrintTo(const Look& look, std::ostream* out) { *out << look.command; }
class SandboxShows : public Sandbox, public ::testing::WithParamInterface<Look> {};

TEST_P(SandboxShows, WhatItShould) { EXPECT_THAT(node(GetParam().command), HasSubstr(GetParam().shows)); }

INSTANTIATE_TEST_SUITE_P(
    Looks, SandboxShows,
    ::testing::Values(
        Look{"Root", "id -u", "0"}, Look{"HostName", "hostname", "node-1"},
        Look{"Context", "context",
             "provider sandbox\nnode node-1\nhost node-1\nuplink eth0\naddress 192.0.2.2/24\naddress "
             "2001:db8:0:1::2/64\n"},
        Look{"UplinkUp", "cat /sys/class/net/eth0/operstate", "up"}, Look{"LoopbackUp", "ip link show lo", "LOWER_UP"},
        Look{"OutsideAnswersIpv4", "ping -n -c 1 -W 2 192.0.2.1", "1 received"},
        Look{"OutsideAnswersIpv6", "ping -n -c 1 -W 2 2001:db8:0:1::1", "1 received"},
        Look{"DefaultRoute", "ip route get 203.0.113.9", "via 192.0.2.1 dev eth0"},
        Look{"DefaultRouteIpv6", "ip -6 route get 2001:db8:ffff::9", "via 2001:db8:0:1::1 dev eth0"},
        Look{"NoForwarding", "cat /proc/sys/net/ipv4/ip_forward", "0"},
        Look{"SysctlsOfItsOwnWritable",
             "echo 1 >/proc/sys/net/ipv4/conf/lo/proxy_arp && cat /proc/sys/net/ipv4/conf/lo/proxy_arp", "1"},
        Look{"SysctlsOfTheMachineReadOnly", "echo 1 >/proc/sys/kernel/panic", "Read-only file system"},
        Look{"InterfaceFilesWritable",
             "echo 1450 >/sys/class/net/eth0/mtu && cat /sys/class/net/eth0/mtu && echo 1500 >/sys/class/net/eth0/mtu",
             "1450"},
        Look{"SysReadOnly", "touch /sys/module/x", "Read-only file system"},
        Look{"RootReadOnly", "touch /x", "Read-only file system"},
        Look{"UsrReadOnly", "touch /usr/bin/x", "Read-only file system"},
        Look{"EtcWritable", "echo a >/etc/x && cat /etc/x", "a"}, Look{"EtcStillThere", "cat /etc/passwd", "root:"},
        Look{"VarWritable", "touch /var/x && echo made", "made"},
        Look{"TmpWritable", "touch /tmp/x && echo made", "made"}, Look{"TmpSticky", "stat -c %a /tmp", "1777"},
        Look{"HomeUbuntuEmpty", "ls -A /home/ubuntu | wc -l", "0"},
        Look{"HomeUbuntuWritable", "touch /home/ubuntu/x && rm /home/ubuntu/x && echo made", "made"},
        Look{"RunIsItsOwn", "ls -A /run", ".netns-lab\nlock"}, Look{"FirstProcess", "cat /proc/1/status", "Pid:\t1\n"},
        Look{"NoForeignProcesses", "ls -d /proc/[0-9]* | wc -l | tr 0-9 n", "n"},
        Look{"NoDisks", "ls /dev/vda /dev/sda 2>&1 | grep -c cannot", "2"},
        Look{"DevNull", "echo x >/dev/null && echo written", "written"},
        Look{"Terminals", "script -qc 'echo in a terminal' /dev/null", "in a terminal"},
        Look{"Sudo", "sudo -nE -u root A=b -- sh -c 'echo $A'", "b"}, Look{"SudoByPath", "/usr/bin/sudo id -u", "0"},
        Look{"NamedNamespaces", "ip netns add a && ip netns exec a ip -o link && ip netns delete a", "LOOPBACK"}),
    [](const auto& row) { return row.param.name; });

// ---- several nodes ----

struct NodeLook {
  const char* name;
  std::size_t node;  // 0: the first
  const char* command;
  const char* shows;
};
void PrintTo(const NodeLook& look, std::ostream* out) { *out << look.command; }

class SandboxOfThree : public ::testing::TestWithParam<NodeLook> {
 protected:
  static void SetUpTestSuite() {
    SandboxSpec spec = shells();
    spec.nodes = 3;
    auto started = start_sandbox(spec);
    if (started) lab_ = new SandboxStreams(*std::move(started));
  }
  static void TearDownTestSuite() {
    delete lab_;
    lab_ = nullptr;
  }
  static SandboxStreams* lab_;
};
SandboxStreams* SandboxOfThree::lab_ = nullptr;

TEST_P(SandboxOfThree, ShowsWhatItShould) {
  ASSERT_NE(lab_, nullptr);
  const UniqueFd& stream = GetParam().node == 0 ? lab_->node : lab_->more_nodes.at(GetParam().node - 1);
  EXPECT_THAT(ask(stream, GetParam().command).output, HasSubstr(GetParam().shows));
}

INSTANTIATE_TEST_SUITE_P(
    Looks, SandboxOfThree,
    ::testing::Values(
        NodeLook{"First", 0, "context",
                 "node node-1\nhost node-1\nuplink eth0\naddress 10.0.0.10/24\naddress 2001:db8:0:1::10/64\n"},
        NodeLook{"Third", 2, "context",
                 "node node-3\nhost node-3\nuplink eth0\naddress 10.0.0.30/24\naddress 2001:db8:0:1::30/64\n"},
        NodeLook{"HostName", 1, "hostname", "node-2"}, NodeLook{"FirstProcess", 2, "cat /proc/1/status", "Pid:\t1\n"},
        NodeLook{"NoForwarding", 1, "cat /proc/sys/net/ipv4/ip_forward", "0"},
        NodeLook{"RunIsItsOwn", 1, "touch /run/x && ls -A /run", "x"},
        NodeLook{"RunOfAnother", 2, "ls -A /run | wc -l", "2"},
        NodeLook{"DefaultRoute", 1, "ip route get 203.0.113.9", "via 10.0.0.1 dev eth0"},
        NodeLook{"OutsideAnswers", 2, "ping -n -c 1 -W 2 10.0.0.1", "1 received"},
        NodeLook{"OutsideAnswersIpv6", 1, "ping -n -c 1 -W 2 2001:db8:0:1::1", "1 received"},
        NodeLook{"OthersAnswer", 0, "ping -n -c 1 -W 2 10.0.0.30", "1 received"},
        NodeLook{"OthersAnswerIpv6", 2, "ping -n -c 1 -W 2 2001:db8:0:1::20", "1 received"},
        NodeLook{"OthersAreOnTheLink", 0, "ip route get 10.0.0.20", "10.0.0.20 dev eth0 src 10.0.0.10"}),
    [](const auto& row) { return row.param.name; });

class RoutedSandbox : public ::testing::TestWithParam<NodeLook> {
 protected:
  static void SetUpTestSuite() {
    SandboxSpec spec = shells();
    spec.nodes = 2;
    spec.underlay = Underlay::kRouted;
    auto started = start_sandbox(spec);
    if (started) lab_ = new SandboxStreams(*std::move(started));
  }
  static void TearDownTestSuite() {
    delete lab_;
    lab_ = nullptr;
  }
  static SandboxStreams* lab_;
};
SandboxStreams* RoutedSandbox::lab_ = nullptr;

TEST_P(RoutedSandbox, ShowsWhatItShould) {
  ASSERT_NE(lab_, nullptr);
  const UniqueFd& stream = GetParam().node == 0   ? lab_->node
                           : GetParam().node == 1 ? lab_->more_nodes.front()
                                                  : lab_->outside;
  EXPECT_THAT(ask(stream, GetParam().command).output, HasSubstr(GetParam().shows));
}

constexpr std::size_t kRouter = 2;
INSTANTIATE_TEST_SUITE_P(
    Looks, RoutedSandbox,
    ::testing::Values(
        NodeLook{"First", 0, "context",
                 "node node-1\nhost node-1\nuplink eth0\naddress 10.0.0.10/24\naddress 2001:db8:0:1::10/64\n"},
        NodeLook{"Second", 1, "context",
                 "node node-2\nhost node-2\nuplink eth0\naddress 10.0.1.20/24\naddress 2001:db8:0:2::20/64\n"},
        NodeLook{"OthersAreBehindTheRouter", 0, "ip route get 10.0.1.20", "10.0.1.20 via 10.0.0.1 dev eth0"},
        NodeLook{"OthersAnswer", 0, "ping -n -c 1 -W 2 10.0.1.20", "ttl=63"},
        NodeLook{"OthersAnswerIpv6", 1, "ping -n -c 1 -W 2 2001:db8:0:1::10", "ttl=63"},
        NodeLook{"RouterAnswers", 1, "ping -n -c 1 -W 2 10.0.1.1", "1 received"},
        NodeLook{"NodesAreNoRouters", 1, "cat /proc/sys/net/ipv4/ip_forward", "0"},
        NodeLook{"RouterIsOne", kRouter, "cat /proc/sys/net/ipv4/ip_forward", "1"},
        NodeLook{"RouterKnowsNothingElse", kRouter, "ip route get 172.16.0.2 2>&1", "Network is unreachable"}),
    [](const auto& row) { return row.param.name; });

// Mounts below a folder that is covered: every machine with containers has such. They are locked to what they lie on
// once they are seen from a sandbox's mount namespace, and the folder cannot be an overlay then.
TEST(SandboxOnAMachineWithMounts, IsMadeAndStillShowsAndTakesFiles) {
  ASSERT_EQ(::mount("tmpfs", "/var/tmp", "tmpfs", 0, nullptr), 0) << std::strerror(errno);
  ASSERT_EQ(::mkdir("/var/tmp/deep", 0755), 0);
  ASSERT_EQ(::mount("tmpfs", "/var/tmp/deep", "tmpfs", 0, nullptr), 0);
  std::ofstream("/var/tmp/deep/seen") << "seen";
  {
    const auto lab = start_sandbox(shells());
    EXPECT_TRUE(lab) << lab.error();
    if (lab) {
      EXPECT_EQ(ask(lab->node, "cat /var/tmp/deep/seen").output, "seen");
      EXPECT_EQ(ask(lab->node, "touch /var/x && echo made").output, "made");
      EXPECT_THAT(ask(lab->node, "ls -d /var/lib/dpkg").output, HasSubstr("/var/lib/dpkg"));
      EXPECT_EQ(ask(lab->node, "touch /var/lib/dpkg/x && echo made").output, "made");
      EXPECT_THAT(ask(lab->node, "touch /var/tmp/deep/x 2>&1").output, HasSubstr("Read-only file system"));
      EXPECT_THAT(ask(lab->node, "context").output,
                  HasSubstr("/var cannot be overlaid here: the files right in it are read-only"));
      EXPECT_EQ(ask(lab->node, "leftovers").output, "/var/lib/dpkg/x\n/var/x");
    }
  }
  ::umount2("/var/tmp", MNT_DETACH);
}

// Only the folders on the way to the mount are in parts, and what is written beside it is seen.
TEST(SandboxOnAMachineWithMounts, TakesFilesBesideADeepOne) {
  ASSERT_EQ(::mount("tmpfs", "/var/lib/dpkg/info", "tmpfs", 0, nullptr), 0) << std::strerror(errno);
  {
    const auto lab = start_sandbox(shells());
    EXPECT_TRUE(lab) << lab.error();
    if (lab) {
      EXPECT_EQ(ask(lab->node, "leftovers").output, "");
      EXPECT_EQ(
          ask(lab->node, "touch /var/tmp/a /var/lib/apt/b /var/lib/dpkg/updates/c /var/lib/dpkg/d && echo made").output,
          "made");
      EXPECT_THAT(ask(lab->node, "echo x 2>&1 >>/var/lib/dpkg/status").output, HasSubstr("Read-only file system"));
      EXPECT_THAT(ask(lab->node, "context").output,
                  HasSubstr("/var/lib and /var/lib/dpkg cannot be overlaid here: the files right in it are read-only"));
      EXPECT_EQ(ask(lab->node, "leftovers").output,
                "/var/lib/apt/b\n/var/lib/dpkg/d\n/var/lib/dpkg/updates/c\n/var/tmp/a");
    }
  }
  ::umount2("/var/lib/dpkg/info", MNT_DETACH);
}

}  // namespace
}  // namespace netns_lab::node
