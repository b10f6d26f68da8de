#include "harness/node/journal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "harness/netlink/link.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/netns/netns.h"
#include "harness/node/sysctl.h"

namespace netns_lab::node {
namespace {

using netlink::LinkRef;
using netlink::NetlinkSocket;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kDirectory = "/run/journal-test";
constexpr auto kPath = "/run/journal-test/1.jsonl";
constexpr auto kKey = "net.ipv4.ip_default_ttl";

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::mkdir(kDirectory, 0700);
    ASSERT_TRUE(write_sysctl(own(), kKey, "64"));
  }
  void TearDown() override {
    ::unlink(kPath);
    ::rmdir(kDirectory);
    static_cast<void>(socket().execute(netlink::delete_link(LinkRef::named("br7"))));
    ASSERT_TRUE(write_sysctl(own(), kKey, "64"));
  }
  static NetworkNamespace own() { return NetworkNamespace::current().value(); }
  static NetlinkSocket socket() { return NetlinkSocket::open(netlink::Protocol::kRoute).value(); }
  static void make_bridge() { ASSERT_TRUE(socket().execute(netlink::create_link("br7", "bridge"))); }
  static bool bridge_exists() {
    NetlinkSocket asked = socket();
    return netlink::get_link(asked, LinkRef::named("br7")).has_value();
  }
  static std::string ttl() { return read_sysctl(own(), kKey).value(); }
  static std::string text() {
    std::ifstream file(kPath);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static bool exists() { return ::access(kPath, F_OK) == 0; }
};

TEST_F(JournalTest, UndoesASysctl) {
  auto journal = Journal::create(kPath);
  ASSERT_TRUE(journal) << journal.error();
  ASSERT_TRUE(journal->before_sysctl(kKey));
  ASSERT_TRUE(write_sysctl(own(), kKey, "33"));
  const auto left = undo_journal(kPath);
  ASSERT_TRUE(left) << left.error();
  EXPECT_THAT(*left, IsEmpty());
  EXPECT_EQ(ttl(), "64");
  EXPECT_FALSE(exists());
}

TEST_F(JournalTest, KeepsTheFirstValueOfASysctl) {
  auto journal = Journal::create(kPath);
  ASSERT_TRUE(journal->before_sysctl(kKey));
  ASSERT_TRUE(write_sysctl(own(), kKey, "33"));
  ASSERT_TRUE(journal->before_sysctl(kKey));
  ASSERT_TRUE(undo_journal(kPath));
  EXPECT_EQ(ttl(), "64");
}

TEST_F(JournalTest, PassesOverASysctlThatIsNotThere) {
  auto journal = Journal::create(kPath);
  EXPECT_TRUE(journal->before_sysctl("net.ipv4.no_such_thing"));
  EXPECT_THAT(undo_journal(kPath).value(), IsEmpty());
}

TEST_F(JournalTest, UndoesALink) {
  auto journal = Journal::create(kPath);
  ASSERT_TRUE(journal->before_link("br7"));
  EXPECT_THAT(text(), HasSubstr("br7")) << "it must be on disk before the link is made";
  make_bridge();
  EXPECT_THAT(undo_journal(kPath).value(), IsEmpty());
  EXPECT_FALSE(bridge_exists());
}

TEST_F(JournalTest, LeavesALinkThatItForgot) {
  auto journal = Journal::create(kPath);
  ASSERT_TRUE(journal->before_link("br7"));
  ASSERT_TRUE(journal->forget_link("br7"));
  make_bridge();
  EXPECT_THAT(undo_journal(kPath).value(), IsEmpty());
  EXPECT_TRUE(bridge_exists());
}

TEST_F(JournalTest, DoesNotTakeWhatWasThereForOurs) {
  make_bridge();
  auto journal = Journal::create(kPath);
  const auto noted = journal->before_link("br7");
  ASSERT_FALSE(noted);
  EXPECT_EQ(noted.error().kind, ErrorKind::kTaken);
  EXPECT_THAT(undo_journal(kPath).value(), IsEmpty());
  EXPECT_TRUE(bridge_exists());
}

TEST_F(JournalTest, IgnoresALineThatWasCutShort) {
  make_bridge();
  {
    auto journal = Journal::create(kPath);
    ASSERT_TRUE(journal->before_sysctl(kKey));
    ASSERT_EQ(::write(journal->fd(), "{\"link\":\"br7", 12), 12);
  }
  ASSERT_TRUE(write_sysctl(own(), kKey, "33"));
  EXPECT_THAT(undo_journal(kPath).value(), IsEmpty());
  EXPECT_TRUE(bridge_exists());
  EXPECT_EQ(ttl(), "64");
}

TEST_F(JournalTest, RefusesAFileThatIsThere) {
  ASSERT_TRUE(Journal::create(kPath));
  const auto again = Journal::create(kPath);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().system_errno, EEXIST);
}

TEST_F(JournalTest, HasNothingToUndoWithoutAFile) { EXPECT_THAT(undo_journal(kPath).value(), IsEmpty()); }

// What is left when every process of a lab is dead.
void leave_dead_journal() {
  auto journal = Journal::create(kPath);
  ASSERT_TRUE(journal) << journal.error();
  ASSERT_TRUE(journal->before_sysctl(kKey));
}

TEST_F(JournalTest, RecoversWhatTheDeadLeft) {
  leave_dead_journal();
  ASSERT_TRUE(write_sysctl(own(), kKey, "33"));
  EXPECT_THAT(recover_journals(kDirectory).value(), IsEmpty());
  EXPECT_EQ(ttl(), "64");
  EXPECT_FALSE(exists());
}

TEST_F(JournalTest, LeavesTheLivingAlone) {
  const auto journal = Journal::create(kPath);
  ASSERT_TRUE(write_sysctl(own(), kKey, "33"));
  EXPECT_THAT(recover_journals(kDirectory).value(), IsEmpty());
  EXPECT_EQ(ttl(), "33");
  EXPECT_TRUE(exists());
}

TEST_F(JournalTest, LeavesAnotherNetworkNamespaceAlone) {
  const auto other = NetworkNamespace::create();
  ASSERT_TRUE(other) << other.error();
  ASSERT_TRUE(within(*other, []() -> Result<void> {
    leave_dead_journal();
    return {};
  }));
  ASSERT_TRUE(write_sysctl(own(), kKey, "33"));
  EXPECT_THAT(recover_journals(kDirectory).value(), IsEmpty());
  EXPECT_EQ(ttl(), "33");
  EXPECT_TRUE(exists());
}

TEST_F(JournalTest, ForgetsWhatWasBeforeTheLastBoot) {
  { std::ofstream(kPath) << "{\"boot\":\"another\",\"guard\":1,\"netns\":1}\n{\"link\":\"br7\"}\n"; }
  make_bridge();
  EXPECT_THAT(recover_journals(kDirectory).value(), IsEmpty());
  EXPECT_TRUE(bridge_exists());
  EXPECT_FALSE(exists());
}

TEST_F(JournalTest, RecoversNothingFromAnAbsentFolder) {
  EXPECT_THAT(recover_journals("/run/no-such-folder").value(), IsEmpty());
}

}  // namespace
}  // namespace netns_lab::node
