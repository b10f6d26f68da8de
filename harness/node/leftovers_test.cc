#include "harness/node/leftovers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/text.h"
#include "harness/node/sandbox.h"
#include "harness/node/sandbox_fake_agent.h"

namespace netns_lab::node {
namespace {

using test::ask;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

struct Row {
  const char* name;
  const char* command;
  std::vector<std::string> want;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.command; }

class Leftovers : public ::testing::TestWithParam<Row> {};

// "leftovers" is a request the stand-in answers with list_leftovers.
TEST_P(Leftovers, AreSeen) {
  SandboxSpec spec;
  spec.node_agent = test::serve_shell;
  spec.outside_agent = test::serve_shell;
  const auto lab = start_sandbox(spec);
  ASSERT_TRUE(lab) << lab.error();
  ASSERT_THAT(split_lines(ask(lab->node, "leftovers").output), IsEmpty()) << "before anything was done";
  const test::Answer done = ask(lab->node, GetParam().command);
  ASSERT_EQ(done.status, 0) << done.output;
  EXPECT_THAT(split_lines(ask(lab->node, "leftovers").output), ElementsAreArray(GetParam().want));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Leftovers,
    ::testing::Values(
        Row{"Nothing", "true", {}},
        Row{"ReadOnlyUse", "cat /etc/passwd /etc/hosts >/dev/null; ls -R /var/lib/dpkg >/dev/null 2>&1; true", {}},
        Row{"CreatedFile", "touch /etc/left", {"/etc/left"}},
        Row{"ChangedFile", "echo x >>/etc/motd", {"/etc/motd (changed)"}},
        Row{"DeletedFile", "rm /etc/motd", {"/etc/motd (deleted)"}},
        Row{"OpenedForWritingOnly", "exec 3>>/etc/motd; exec 3>&-", {}},
        Row{"TreeInANewFolder",
            "mkdir -p /var/left/a; touch /var/left/a/b",
            {"/var/left", "/var/left/a", "/var/left/a/b"}},
        Row{"FileDeepInAnOldFolder", "touch /var/lib/dpkg/left", {"/var/lib/dpkg/left"}},
        Row{"ChangedMode", "chmod 600 /etc/motd", {"/etc/motd (changed)"}},
        Row{"CreatedAndRemoved", "touch /etc/x && rm /etc/x", {}},
        Row{"Run", "mkdir /run/x && touch /run/x/pid /run/lock/y", {"/run/lock/y", "/run/x", "/run/x/pid"}},
        Row{"HomeUbuntu", "touch /home/ubuntu/env.sh", {"/home/ubuntu/env.sh"}},
        Row{"NewHome", "mkdir /home/somebody", {"/home/somebody"}},
        Row{"RewrittenWithItsSizeAndTimePutBack",
            "cp -p /etc/passwd /run/p; head -c $(stat -c %s /etc/passwd) /dev/zero >/etc/passwd; "
            "touch -r /run/p /etc/passwd; rm /run/p",
            {"/etc/passwd (changed)"}},
        Row{"FolderMadeAnew", "rm -r /etc/default && mkdir /etc/default", {"/etc/default (changed)"}},
        Row{"FileInAFolderThatWasThere", "touch /etc/default/left", {"/etc/default/left"}},
        Row{"ModeOfAFolderThatWasThere", "chmod 700 /etc/default", {"/etc/default (changed)"}},
        Row{"ModeOfEtc", "chmod 777 /etc", {"/etc (mode 777, it was 755)"}},
        Row{"ModeOfRun", "chmod 700 /run", {"/run (mode 700, it was 755)"}},
        Row{"FolderOfTheSetUpGone", "rmdir /run/lock", {"/run/lock (deleted)"}},
        Row{"PipeInDev", "mkfifo /dev/left", {"/dev/left"}},
        Row{"SharedMemory", "touch /dev/shm/left", {"/dev/shm/left"}},
        Row{"DeviceLinkTurned", "ln -sfn /nowhere /dev/fd", {"/dev/fd (it was changed)"}},
        Row{"NamedNamespacesAreToldElsewhere", "ip netns add a", {}},
        Row{"NamespacesForTheOwnerAlone", "umask 077; ip netns add a", {}},
        Row{"NamespacesOfEverybody",
            "ip netns add a && chmod 1777 /run/netns",
            {"/run/netns (mode 1777: others may take namespaces away and put theirs in)"}},
        Row{"Tmp", "ln -s /nowhere /tmp/link", {"/tmp/link"}}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab::node
