#include "harness/node/journal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "harness/netlink/link.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/netns/netns.h"
#include "harness/node/agent_state.h"
#include "harness/node/network_handles.h"
#include "harness/node/session_objects.h"
#include "harness/node/sysctl.h"

namespace netns_lab::node {
namespace {

using netlink::LinkRef;
using netlink::NetlinkSocket;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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
  EXPECT_THAT(left->left, IsEmpty());
  EXPECT_THAT(left->remarks, IsEmpty());
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
  EXPECT_THAT(undo_journal(kPath).value().left, IsEmpty());
}

TEST_F(JournalTest, UndoesALink) {
  auto journal = Journal::create(kPath);
  ASSERT_TRUE(journal->before_link("br7"));
  EXPECT_THAT(text(), HasSubstr("br7")) << "it must be on disk before the link is made";
  make_bridge();
  EXPECT_THAT(undo_journal(kPath).value().left, IsEmpty());
  EXPECT_FALSE(bridge_exists());
}

TEST_F(JournalTest, LeavesALinkThatItForgot) {
  auto journal = Journal::create(kPath);
  ASSERT_TRUE(journal->before_link("br7"));
  ASSERT_TRUE(journal->forget_link("br7"));
  make_bridge();
  EXPECT_THAT(undo_journal(kPath).value().left, IsEmpty());
  EXPECT_TRUE(bridge_exists());
}

TEST_F(JournalTest, DoesNotTakeWhatWasThereForOurs) {
  make_bridge();
  auto journal = Journal::create(kPath);
  const auto noted = journal->before_link("br7");
  ASSERT_FALSE(noted);
  EXPECT_EQ(noted.error().kind, ErrorKind::kTaken);
  EXPECT_THAT(undo_journal(kPath).value().left, IsEmpty());
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
  const auto undone = undo_journal(kPath);
  ASSERT_TRUE(undone) << undone.error();
  EXPECT_THAT(undone->left, IsEmpty());
  EXPECT_THAT(undone->remarks,
              ElementsAre(AllOf(HasSubstr(kPath), HasSubstr("{\"link\":\"br7"), HasSubstr("cut short"))));
  EXPECT_TRUE(bridge_exists());
  EXPECT_EQ(ttl(), "64");
}

TEST_F(JournalTest, ATornLineDoesNotSwallowTheNextRecord) {
  auto journal = Journal::create(kPath);
  ASSERT_TRUE(journal) << journal.error();
  ASSERT_EQ(::write(journal->fd(), "{\"link\":\"br", 11), 11);
  ASSERT_TRUE(journal->before_link("br7"));
  make_bridge();
  EXPECT_THAT(undo_journal(kPath).value().left, IsEmpty());
  EXPECT_FALSE(bridge_exists());
}

// No file of this process may grow past so many bytes: a write(2) across that mark is a short one.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    old_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, old_);
  }

 private:
  rlimit before_{};
  void (*old_)(int) = SIG_DFL;
};

TEST_F(JournalTest, TakesBackARecordThatWasWrittenByHalf) {
  auto journal = Journal::create(kPath);
  ASSERT_TRUE(journal) << journal.error();
  const std::string before = text();
  {
    const FileSizeLimit limit(before.size() + 5);
    const auto noted = journal->before_link("br7");
    ASSERT_FALSE(noted) << "half a record must not count as written";
    EXPECT_EQ(noted.error().system_errno, EFBIG) << noted.error();
  }
  EXPECT_EQ(text(), before);
  ASSERT_TRUE(journal->before_link("br7"));
  make_bridge();
  EXPECT_THAT(undo_journal(kPath).value().left, IsEmpty());
  EXPECT_FALSE(bridge_exists());
}

// The kernel never deletes lo: a link that stays.
TEST_F(JournalTest, KeepsOnlyWhatCouldNotBeUndone) {
  auto journal = Journal::create(kPath);
  ASSERT_TRUE(journal) << journal.error();
  ASSERT_TRUE(journal->before_sysctl(kKey));
  ASSERT_TRUE(journal->before_link("br7"));
  ASSERT_EQ(::write(journal->fd(), "{\"link\":\"lo\"}\n", 14), 14);
  make_bridge();
  ASSERT_TRUE(write_sysctl(own(), kKey, "33"));
  const auto first = undo_journal(kPath);
  ASSERT_TRUE(first) << first.error();
  EXPECT_THAT(first->left, ElementsAre(AllOf(HasSubstr("link lo"), HasSubstr("ip link delete lo"))));
  EXPECT_FALSE(bridge_exists());
  EXPECT_EQ(ttl(), "64");

  // Somebody else's from here on.
  make_bridge();
  ASSERT_TRUE(write_sysctl(own(), kKey, "70"));
  const auto second = undo_journal(kPath);
  ASSERT_TRUE(second) << second.error();
  EXPECT_THAT(second->left, ElementsAre(HasSubstr("link lo"))) << "the next start must try again";
  EXPECT_TRUE(bridge_exists());
  EXPECT_EQ(ttl(), "70");
}

TEST_F(JournalTest, KeepsALinkThatASessionCouldNotDelete) {
  {
    const auto journal = Journal::create(kPath);
    ASSERT_TRUE(journal) << journal.error();
    ASSERT_EQ(::write(journal->fd(), "{\"link\":\"lo\"}\n", 14), 14);
  }
  AgentJournal journal(kPath);
  TunRelays relays;
  SessionObjects objects("/run/netns", journal, relays);
  protocol::ClaimRequest claimed;
  claimed.links = {"lo"};
  auto network = NetworkHandles::create();
  ASSERT_TRUE(network) << network.error();
  EXPECT_THAT(objects.remove(*network, claimed), SizeIs(1));
  EXPECT_THAT(undo_journal(kPath).value().left, ElementsAre(HasSubstr("ip link delete lo")));
}

TEST_F(JournalTest, RefusesAFileThatIsThere) {
  ASSERT_TRUE(Journal::create(kPath));
  const auto again = Journal::create(kPath);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().system_errno, EEXIST);
}

TEST_F(JournalTest, HasNothingToUndoWithoutAFile) { EXPECT_THAT(undo_journal(kPath).value().left, IsEmpty()); }

// What is left when every process of a lab is dead.
void leave_dead_journal() {
  auto journal = Journal::create(kPath);
  ASSERT_TRUE(journal) << journal.error();
  ASSERT_TRUE(journal->before_sysctl(kKey));
}

TEST_F(JournalTest, RecoversWhatTheDeadLeft) {
  leave_dead_journal();
  ASSERT_TRUE(write_sysctl(own(), kKey, "33"));
  EXPECT_THAT(recover_journals(kDirectory).value().left, IsEmpty());
  EXPECT_EQ(ttl(), "64");
  EXPECT_FALSE(exists());
}

TEST_F(JournalTest, LeavesTheLivingAlone) {
  const auto journal = Journal::create(kPath);
  ASSERT_TRUE(write_sysctl(own(), kKey, "33"));
  EXPECT_THAT(recover_journals(kDirectory).value().left, IsEmpty());
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
  EXPECT_THAT(recover_journals(kDirectory).value().left, IsEmpty());
  EXPECT_EQ(ttl(), "33");
  EXPECT_TRUE(exists());
}

TEST_F(JournalTest, ForgetsWhatWasBeforeTheLastBoot) {
  { std::ofstream(kPath) << "{\"boot\":\"another\",\"guard\":1,\"netns\":1}\n{\"link\":\"br7\"}\n"; }
  make_bridge();
  EXPECT_THAT(recover_journals(kDirectory).value().left, IsEmpty());
  EXPECT_TRUE(bridge_exists());
  EXPECT_FALSE(exists());
}

TEST_F(JournalTest, ARecoveryBesideItDoesNotTakeAJournalThatIsBeingMade) {
  const auto other = NetworkNamespace::create();
  ASSERT_TRUE(other) << other.error();
  std::atomic<bool> enough{false};
  std::thread another_start([&] {
    // From another network namespace: a whole journal is none of its business, so that it looks often.
    static_cast<void>(within(*other, [&]() -> Result<void> {
      while (!enough) static_cast<void>(recover_journals(kDirectory));
      return {};
    }));
  });
  for (int i = 0; i < 3000 && !HasFailure(); ++i) {
    const auto journal = Journal::create(kPath);
    if (!journal) {
      ADD_FAILURE() << "start " << i << ": " << journal.error();
    } else if (::unlink(kPath) != 0) {
      ADD_FAILURE() << "start " << i << ": its journal is gone";
    }
  }
  enough = true;
  another_start.join();
}

TEST_F(JournalTest, RecoversNothingFromAnAbsentFolder) {
  EXPECT_THAT(recover_journals("/run/no-such-folder").value().left, IsEmpty());
}

}  // namespace
}  // namespace netns_lab::node
