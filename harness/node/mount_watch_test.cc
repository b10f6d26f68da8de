#include "harness/node/mount_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "harness/base/text.h"
#include "harness/node/sandbox.h"
#include "harness/node/sandbox_fake_agent.h"

namespace netns_lab::node {
namespace {

using test::ask;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kFirst =
    "1 0 0:1 / / ro - ext4 s o\n"
    "2 1 0:2 / /run rw,nosuid - tmpfs s o\n"
    "3 1 0:3 / /proc rw - proc s o\n"
    "4 3 0:3 /sys/net /proc/sys/net rw - proc s o\n";

struct TableRow {
  const char* name;
  std::string now;
  std::vector<std::string> want;
};
void PrintTo(const TableRow& row, std::ostream* out) { *out << row.now; }

class MountChanges : public ::testing::TestWithParam<TableRow> {};

TEST_P(MountChanges, AreTold) {
  EXPECT_EQ(mount_changes(MountTable::parse(kFirst), MountTable::parse(GetParam().now), "/run/netns"), GetParam().want);
}

std::string without_settings() {
  const std::string all = kFirst;
  return all.substr(0, all.find("4 3"));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, MountChanges,
    ::testing::Values(TableRow{"Nothing", kFirst, {}},
                      TableRow{"More",
                               std::string(kFirst) + "5 1 0:4 / /mnt rw,relatime - tmpfs s o\n",
                               {"tmpfs is mounted on /mnt (rw,relatime)"}},
                      TableRow{"NamespaceElsewhere",
                               std::string(kFirst) + "5 1 0:4 net:[40] /etc/hosts rw - nsfs s o\n",
                               {"net:[40] of nsfs is mounted on /etc/hosts (rw)"}},
                      TableRow{"Gone", without_settings(), {"/sys/net of proc is no longer mounted on /proc/sys/net"}},
                      TableRow{"ReadOnly",
                               without_settings() + "4 3 0:3 /sys/net /proc/sys/net ro - proc s o\n",
                               {"/sys/net of proc on /proc/sys/net is ro; it was rw"}},
                      TableRow{"Shared",
                               without_settings() + "4 3 0:3 /sys/net /proc/sys/net rw shared:7 - proc s o\n",
                               {"/sys/net of proc on /proc/sys/net is rw, shared:7; it was rw"}},
                      TableRow{
                          "AnotherOfTheSameId",
                          without_settings() + "4 1 0:9 / /mnt rw - tmpfs s o\n",
                          {"/sys/net of proc is no longer mounted on /proc/sys/net", "tmpfs is mounted on /mnt (rw)"}},
                      TableRow{"NamesOfNamespaces",
                               std::string(kFirst) + "5 2 0:2 /netns /run/netns rw shared:1 - tmpfs s o\n"
                                                     "6 5 0:4 net:[40] /run/netns/netns1 rw - nsfs s o\n",
                               {}},
                      TableRow{"NamesOfNamespacesReadOnly",
                               std::string(kFirst) + "5 2 0:2 /netns /run/netns ro shared:1 - tmpfs s o\n",
                               {"/netns of tmpfs is mounted on /run/netns (ro, shared:1)"}},
                      TableRow{"SomethingElseOverThem",
                               std::string(kFirst) + "5 2 0:9 / /run/netns rw - tmpfs s o\n",
                               {"tmpfs is mounted on /run/netns (rw)"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MountChangesOfTheMachine, AreNoTargetsDoing) {
  const std::string first = kFirst;
  const auto changes = [](const std::string& was, const std::string& is) {
    return mount_changes(MountTable::parse(was), MountTable::parse(is), "/run/netns");
  };
  EXPECT_THAT(changes(first + "5 1 0:7 / /nowhere/at/all rw - overlay s o\n", first), IsEmpty())
      << "its folder is gone, too";
  EXPECT_THAT(changes(first + "5 1 0:7 / /run/user rw - tmpfs s o\n", first), IsEmpty()) << "hidden by /run";
}

// A plain user's sandbox, and root unmounts in a folder of root's (EACCES); here a file stands in the way (ENOTDIR).
TEST(MountChangesOfTheMachine, WhereNobodyCanComeAreNone) {
  const auto now = MountTable::parse(kFirst);
  const auto gone_from = [&now](const std::string& mount_point) {
    const auto was = MountTable::parse(std::string(kFirst) + "5 2 0:7 / " + mount_point + " rw - tmpfs s o\n");
    return mount_changes(was, now, "/run/netns");
  };
  ASSERT_TRUE(std::ofstream("/run/closed").good());
  EXPECT_THAT(gone_from("/run"), SizeIs(1)) << "its folder is there";
  EXPECT_THAT(gone_from("/run/closed/in"), IsEmpty());
  ::unlink("/run/closed");
}

// In a sandbox: what a target may do to what the agent stands on.
struct Row {
  const char* name;
  const char* command;
  const char* told;    // part of one of the lines
  const char* usable;  // a command that needs it mended
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.command; }

class Mended : public ::testing::TestWithParam<Row> {};

TEST_P(Mended, AndTold) {
  SandboxSpec spec;
  spec.node_agent = test::serve_shell;
  spec.outside_agent = test::serve_shell;
  const auto lab = start_sandbox(spec);
  ASSERT_TRUE(lab) << lab.error();
  ASSERT_THAT(ask(lab->node, "mounts").output, IsEmpty()) << "before anything was done";
  const test::Answer done = ask(lab->node, GetParam().command);
  ASSERT_EQ(done.status, 0) << done.output;
  EXPECT_THAT(ask(lab->node, "mounts").output, HasSubstr(GetParam().told));
  const test::Answer used = ask(lab->node, GetParam().usable);
  EXPECT_EQ(used.status, 0) << used.output;
  EXPECT_THAT(ask(lab->node, "mounts").output, HasSubstr(GetParam().told)) << "it stays told";
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Mended,
    ::testing::Values(
        Row{"Elsewhere", "mount -t tmpfs none /mnt", "tmpfs is mounted on /mnt", "test -w /mnt"},
        Row{"ProcCovered", "mount -t tmpfs none /proc", "tmpfs is mounted on /proc", "test -e /proc/self/status"},
        Row{"ProcUnmounted", "umount -l /proc", "is no longer mounted on /proc",
            "test -w /proc/sys/net/ipv4/ip_forward"},
        Row{"SettingsReadOnly", "mount -o remount,bind,ro /proc/sys/net", "on /proc/sys/net is ro",
            "echo 0 >/proc/sys/net/ipv4/ip_forward"},
        Row{"SettingsUnmounted", "umount /proc/sys/net", "no longer mounted on /proc/sys/net",
            "echo 0 >/proc/sys/net/ipv4/ip_forward"},
        Row{"RunReadOnly", "mount -o remount,bind,ro /run", "on /run is ro", "ip netns add a"},
        Row{"RunUnmounted", "umount -l /run", "no longer mounted on /run", "ip netns add a"},
        Row{"NamesReadOnly", "ip netns add a && mount -o remount,bind,ro /run/netns", "mounted on /run/netns (ro",
            "ip netns add b"},
        Row{"HomeUnmounted", "umount -l /home/ubuntu", "no longer mounted on /home/ubuntu", "touch /home/ubuntu/x"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MountWatch, ANamedNamespaceIsNoChange) {
  SandboxSpec spec;
  spec.node_agent = test::serve_shell;
  spec.outside_agent = test::serve_shell;
  const auto lab = start_sandbox(spec);
  ASSERT_TRUE(lab) << lab.error();
  ASSERT_EQ(ask(lab->node, "ip netns add a && ip netns add b && ip netns exec a true && ip netns delete a").status, 0);
  EXPECT_THAT(ask(lab->node, "mounts").output, IsEmpty());
}

}  // namespace
}  // namespace netns_lab::node
