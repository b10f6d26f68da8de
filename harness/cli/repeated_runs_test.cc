// A good target stays good however often, and wherever, it is judged, and what the judging changes is put back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "harness/cli/command_under_test.h"
#include "harness/cli/this_machine.h"

namespace netns_lab::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> names_of_links(const NamespaceState& state) {
  std::vector<std::string> names;
  for (const Link& link : state.links) names.push_back(link.name);
  return names;
}

struct Row {
  const char* name;
  std::vector<std::string> target;
  std::vector<std::string> lab;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class RepeatedRun : public testing::TestWithParam<Row> {};

TEST_P(RepeatedRun, IsConformantEachTimeAndPutsBackWhatItChanged) {
  give_this_machine_an_uplink();
  const NamespaceState before = this_machine();
  CommandUnderTest command;
  const bool named = GetParam().lab.size() > 2;
  if (named) {
    ASSERT_THAT(command.run({"up", "--name", "repeated"}), HasStatus(0));
  }
  std::vector<std::string> arguments{"test", "single-namespace", "--repeat", "3"};
  for (const auto* more : {&GetParam().target, &GetParam().lab})
    arguments.insert(arguments.end(), more->begin(), more->end());
  const auto ran = command.run(arguments);
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(command.report_lines("<failure"), IsEmpty());
  EXPECT_THAT(command.report_lines("<error"), IsEmpty());
  if (named) {
    EXPECT_THAT(command.run({"destroy", "--name", "repeated"}), HasStatus(0));
  }
  const NamespaceState after = this_machine();
  EXPECT_EQ(names_of_links(after), names_of_links(before));
  EXPECT_EQ(after.sysctls, before.sysctls);
}

const std::vector<std::string> kNative{"--target", "native"};
const std::vector<std::string> kScript{"--target", "script:" + CommandUnderTest::fixture("scenarios/single-namespace")};
INSTANTIATE_TEST_SUITE_P(
    Rows, RepeatedRun,
    testing::Values(Row{"NativeInASandbox", kNative, {}}, Row{"ScriptInASandbox", kScript, {}},
                    Row{"NativeInANamedSandbox", kNative, {"--lab", "sandbox", "--name", "repeated"}},
                    Row{"ScriptInANamedSandbox", kScript, {"--lab", "sandbox", "--name", "repeated"}},
                    Row{"NativeOnThisMachine", kNative, {"--lab", "host"}},
                    Row{"ScriptOnThisMachine", kScript, {"--lab", "host"}}),
    [](const auto& row) { return row.param.name; });

// Settings of the machine that are nobody's fault: they make no right network fail. What would is told beforehand.
struct SettingRow {
  const char* name;
  const char* key;
  const char* value;
  int status;
  const char* says;
};
void PrintTo(const SettingRow& row, std::ostream* out) { *out << row.key << " = " << row.value; }

class MachineWithSetting : public testing::TestWithParam<SettingRow> {};

TEST_P(MachineWithSetting, BlamesNoTargetForIt) {
  give_this_machine_an_uplink();
  std::string path = GetParam().key;
  std::replace(path.begin(), path.end(), '.', '/');
  path = "/proc/sys/" + path;
  std::string before;
  std::ifstream file(path);
  std::getline(file, before);
  ASSERT_TRUE(std::ofstream(path) << GetParam().value << std::flush) << path;
  CommandUnderTest command;
  const auto ran = command.run({"test", "single-namespace", "--target", "native", "--lab", "host"});
  std::ofstream(path) << before << std::flush;
  EXPECT_EQ(ran.status, GetParam().status) << ran;
  EXPECT_THAT(command.report_lines("<failure"), IsEmpty());
  EXPECT_THAT(ran.output + ran.errors, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, MachineWithSetting,
    testing::Values(
        SettingRow{"ReversePathFilter", "net.ipv4.conf.all.rp_filter", "1", 0, "conformant"},
        SettingRow{"ReversePathFilterOfNewLinks", "net.ipv4.conf.default.rp_filter", "1", 0, "conformant"},
        SettingRow{"ArpFilter", "net.ipv4.conf.all.arp_filter", "1", 0, "conformant"},
        SettingRow{"NewLinksForward", "net.ipv4.conf.default.forwarding", "1", 0, "conformant"},
        SettingRow{"Forwarding", "net.ipv4.ip_forward", "1", 0, "conformant"},
        SettingRow{"Ttl", "net.ipv4.ip_default_ttl", "128", 3, "net.ipv4.ip_default_ttl is 128, not 64"},
        SettingRow{"ArpIgnore", "net.ipv4.conf.all.arp_ignore", "8", 3, "net.ipv4.conf.all.arp_ignore is 8, not 0"},
        SettingRow{"EchoIgnore", "net.ipv4.icmp_echo_ignore_all", "1", 3, "icmp_echo_ignore_all is 1, not 0"},
        SettingRow{"RandomLinkLocal", "net.ipv6.conf.default.addr_gen_mode", "3", 3, "addr_gen_mode is 3, not 0"},
        SettingRow{"HopLimit", "net.ipv6.conf.default.hop_limit", "255", 3, "default.hop_limit is 255, not 64"}),
    [](const auto& row) { return row.param.name; });

TEST(MachineWithoutIpv6, IsJudgedInIpv4AndIpv6IsSkippedWithTheReason) {
  give_this_machine_an_uplink();
  auto handles = node::NetworkHandles::create().value();
  const Prefix global = Prefix::parse("2001:db8:0:1::2/64").value();
  ASSERT_TRUE(node::apply_changes(handles, {DeleteAddress{"", "eth0", global}}));
  CommandUnderTest command;
  const auto ran = command.run({"test", "single-namespace", "--target", "native", "--lab", "host"});
  AddAddress back;
  back.link = "eth0";
  back.prefix = global;
  ASSERT_TRUE(node::apply_changes(handles, {back}));
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.output, HasSubstr("47 passed, 47 skipped"));
  EXPECT_THAT(ran.output, HasSubstr("node node-1 has no IPv6 address on its uplink"));
}

const std::string kPart1 =
    "ip netns add netns1\n"
    "ip link add veth1 type veth peer name veth2 netns netns1\n"
    "ip -n netns1 address add 10.200.1.1/32 dev veth2\n"
    "ip -n netns1 link set lo up\n"
    "ip -n netns1 link set veth2 up\n"
    "ip link set veth1 up\n"
    "ip route add 10.200.1.1/32 dev veth1\n"
    "ip -n netns1 route add default via 10.200.1.1 dev veth2\n";

// Whoever else works on the machine is not the target, and what is on its link is the target's.
struct SharedRow {
  const char* name;
  const char* also;  // a last line of a right script
  int status;
  const char* says;
};
void PrintTo(const SharedRow& row, std::ostream* out) { *out << row.also; }

class SharedMachine : public testing::TestWithParam<SharedRow> {};

TEST_P(SharedMachine, ItsOtherUsersAreNotTheTarget) {
  give_this_machine_an_uplink();
  CommandUnderTest command;
  const std::string script = command.write("shared.sh", kPart1 + std::string(GetParam().also) + "\n", 0755);
  const auto ran = command.run({"test", "single-namespace", "--lab", "host", "--target", "script:" + script});
  auto handles = node::NetworkHandles::create().value();
  // Where the row made none.
  static_cast<void>(node::apply_changes(handles, {DeleteLink{"", "stranger"}}));
  Route other;
  other.destination = Prefix::parse("198.18.0.0/24").value();
  static_cast<void>(node::apply_changes(handles, {DeleteRoute{"", other}}));
  EXPECT_EQ(ran.status, GetParam().status) << ran;
  EXPECT_THAT(ran.output + ran.errors, HasSubstr(GetParam().says));
}

constexpr auto kNobodyCanTell = "whether by the target or by somebody else nobody can tell";
INSTANTIATE_TEST_SUITE_P(
    Rows, SharedMachine,
    testing::Values(SharedRow{"Link", "ip link add stranger type bridge || true", 0, kNobodyCanTell},
                    SharedRow{"Route", "ip route replace 198.18.0.0/24 dev eth0", 0, kNobodyCanTell},
                    SharedRow{"QueueLength", "ip link set veth1 txqueuelen 500", 0, kNobodyCanTell},
                    SharedRow{"AddressOnItsLink", "ip address add 192.0.2.78/32 dev veth1", 1, "192.0.2.78"},
                    SharedRow{"QueueOnItsLink", "tc qdisc add dev veth1 root pfifo limit 100", 1,
                              "single-namespace.no-other-qdiscs"}),
    [](const auto& row) { return row.param.name; });

// What a wrong target leaves in a standing lab must not become what the next one is compared with.
TEST(RunInAStandingLab, IsRefusedWhenAnEarlierOneLeftSomething) {
  CommandUnderTest command;
  ASSERT_THAT(command.run({"up", "--name", "spoilt"}), HasStatus(0));
  const std::string script = command.write("table.sh",
                                           "set -e\n"
                                           "nft list table ip mine >/dev/null 2>&1 || nft add table ip mine\n" +
                                               kPart1,
                                           0755);
  const std::vector<std::string> test{"test",   "single-namespace", "--lab",    "sandbox",
                                      "--name", "spoilt",           "--target", "script:" + script};
  const auto first = command.run(test);
  EXPECT_EQ(first.status, 1) << first;
  const auto second = command.run(test);
  EXPECT_EQ(second.status, 3) << second;
  EXPECT_THAT(second.output + second.errors, HasSubstr("no longer as it was made"));
  EXPECT_THAT(second.output + second.errors, HasSubstr("ip mine"));
  EXPECT_THAT(
      second.output + second.errors,
      HasSubstr("netns-lab destroy --lab sandbox --name spoilt, then netns-lab up --lab sandbox --name spoilt"));
  EXPECT_THAT(command.run({"destroy", "--name", "spoilt"}), HasStatus(0));
}

// As in a minimal system made for building (debootstrap and the like): the kernel refuses user namespaces there.
TEST(RunInAChroot, IsConformant) {
  CommandUnderTest command;
  command.before_execution = [] {
    const bool entered = ::unshare(CLONE_NEWNS) == 0 && ::mkdir("/run/jail", 0755) == 0 &&
                         ::mount("/", "/run/jail", nullptr, MS_BIND | MS_REC, nullptr) == 0 &&
                         ::chroot("/run/jail") == 0;
    if (!entered) ::_exit(99);
  };
  const auto ran = command.run({"test", "single-namespace", "--target", "native"});
  EXPECT_EQ(ran.status, 0) << ran;
}

}  // namespace
}  // namespace netns_lab::cli
