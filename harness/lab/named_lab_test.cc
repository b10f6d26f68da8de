#include "harness/lab/named_lab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <ostream>

namespace netns_lab {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct NameCase {
  std::string name;
  std::string given;
  std::string complaint;  // "" when it is a good name
};
std::ostream& operator<<(std::ostream& out, const NameCase& row) { return out << row.name; }

class LabName : public testing::TestWithParam<NameCase> {};

TEST_P(LabName, IsJudgedByItsBytes) {
  const auto checked = check_lab_name(GetParam().given);
  const std::string message = checked ? "" : checked.error().message();
  EXPECT_EQ(checked.has_value(), GetParam().complaint.empty()) << message;
  EXPECT_THAT(message, HasSubstr(GetParam().complaint));
  const ErrorKind kind = checked ? ErrorKind::kInvalid : checked.error().kind;
  EXPECT_EQ(kind, ErrorKind::kInvalid);
}

INSTANTIATE_TEST_SUITE_P(NamedLab, LabName,
                         testing::Values(NameCase{"Plain", "netns-lab", ""}, NameCase{"EveryKindOfByte", "A.z_0-9", ""},
                                         NameCase{"Longest", std::string(64, 'x'), ""},
                                         NameCase{"Empty", "", "cannot be empty"},
                                         NameCase{"TooLong", std::string(65, 'x'), "65 bytes long; at most 64"},
                                         NameCase{"Parent", "..", "cannot begin with '.'"},
                                         NameCase{"Hidden", ".lab", "cannot begin with '.'"},
                                         NameCase{"Option", "-x", "cannot begin with '-'"},
                                         NameCase{"Slash", "a/b", "'/' is not allowed"},
                                         NameCase{"Blank", "a b", "' ' is not allowed"}),
                         [](const testing::TestParamInfo<NameCase>& row) { return row.param.name; });

class NamedLabTest : public testing::Test {
 protected:
  NamedLabTest() {
    std::string pattern = testing::TempDir() + "named-lab-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    environment_.user = ::geteuid();
    environment_.system_directory = folder_ + "/missing";
    environment_.temporary_directory = folder_;
  }
  ~NamedLabTest() override { std::filesystem::remove_all(folder_); }

  LabHome home() { return *LabHome::open(environment_); }
  std::string in_tmp() const { return folder_ + "/netns-lab-" + std::to_string(::geteuid()); }

  std::string folder_;
  RuntimeEnvironment environment_;
};

TEST_F(NamedLabTest, LivesInTheRuntimeDirectoryWhenThatIsTheUsersOwn) {
  environment_.runtime_directory = folder_ + "/xdg";
  ASSERT_EQ(::mkdir(environment_.runtime_directory.c_str(), 0700), 0);
  EXPECT_EQ(home().path(), folder_ + "/xdg/netns-lab");
}

TEST_F(NamedLabTest, IgnoresARuntimeDirectoryThatOthersMayWrite) {
  environment_.runtime_directory = folder_ + "/xdg";
  ASSERT_EQ(::mkdir(environment_.runtime_directory.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(environment_.runtime_directory.c_str(), 0777), 0);
  EXPECT_EQ(home().path(), in_tmp());
}

TEST_F(NamedLabTest, OfRootIsInTheSystemsOwnDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs to be root of a user namespace";
  environment_.system_directory = folder_;
  EXPECT_EQ(home().path(), folder_ + "/netns-lab");
}

TEST_F(NamedLabTest, OfAPlainUserIsPrivate) {
  const LabHome made = home();
  struct stat status {};
  ASSERT_EQ(::stat(made.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700U);
}

TEST_F(NamedLabTest, RefusesASymbolicLinkInPlaceOfItsHome) {
  ASSERT_EQ(::symlink(folder_.c_str(), in_tmp().c_str()), 0);
  const auto opened = LabHome::open(environment_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::kTaken);
  EXPECT_THAT(opened.error().message(), HasSubstr("it is not a folder"));
}

TEST_F(NamedLabTest, RefusesAHomeThatBelongsToSomebodyElse) {
  environment_.user = ::geteuid() + 1;
  environment_.temporary_directory = folder_;
  const auto opened = LabHome::open(environment_);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message(), HasSubstr("it belongs to user"));
}

TEST_F(NamedLabTest, TakesAwayWhatOthersMayDoInItsHome) {
  ASSERT_EQ(::mkdir(in_tmp().c_str(), 0777), 0);
  ASSERT_EQ(::chmod(in_tmp().c_str(), 0777), 0);
  home();
  struct stat status {};
  ASSERT_EQ(::stat(in_tmp().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
}

TEST_F(NamedLabTest, ListsLabsByName) {
  const LabHome labs = home();
  for (const char* name : {"b", "a", ".journal"}) std::filesystem::create_directory(labs.lab_path(name));
  EXPECT_THAT(*labs.names(), ElementsAre("a", "b"));
}

TEST_F(NamedLabTest, ASecondLockWaitsNoLongerThanItsDeadline) {
  const LabHome labs = home();
  const auto first = LabFolder::lock(labs, "lab", LabFolder::Missing::kMake, Deadline::never());
  ASSERT_TRUE(first);
  const auto second = LabFolder::lock(labs, "lab", LabFolder::Missing::kMake, Deadline::after(milliseconds(20)));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kTaken);
}

TEST_F(NamedLabTest, TheLockDiesWithItsHolder) {
  const LabHome labs = home();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    const auto lock = LabFolder::lock(labs, "lab", LabFolder::Missing::kMake, Deadline::never());
    static_cast<void>(!::write(ends[1], "x", 1));
    while (true) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1);
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  EXPECT_TRUE(LabFolder::lock(labs, "lab", LabFolder::Missing::kMake, Deadline::after(seconds(5))));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(NamedLabTest, OneThatWaitedForARemovedFolderLocksTheNewOne) {
  const LabHome labs = home();
  auto first = LabFolder::lock(labs, "lab", LabFolder::Missing::kMake, Deadline::never());
  ASSERT_TRUE(first->write_file("log", "old"));
  const pid_t waiter = ::fork();
  if (waiter == 0) {
    // The lock belongs to the open folder, of which this process holds a copy too.
    first = tl::unexpected(Error::cancelled("not ours"));
    const auto second = LabFolder::lock(labs, "lab", LabFolder::Missing::kMake, Deadline::after(seconds(10)));
    const bool is_good = second && second->write_file("mine", "x") &&
                         std::filesystem::exists(labs.lab_path("lab/mine")) && second->read_file("log").empty();
    ::_exit(is_good ? 0 : 1);
  }
  ASSERT_TRUE(first->remove());
  first = tl::unexpected(Error::cancelled("released"));
  int status = 0;
  ASSERT_EQ(::waitpid(waiter, &status, 0), waiter);
  EXPECT_EQ(status, 0);
}

TEST_F(NamedLabTest, LockingALabThatIsNotThereSaysSo) {
  const auto folder = LabFolder::lock(home(), "lab", LabFolder::Missing::kRefuse, Deadline::never());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().kind, ErrorKind::kMissing);
}

TEST_F(NamedLabTest, ConnectsThroughAPathOfAnyLength) {
  std::string deep = folder_;
  for (int i = 0; i < 6; ++i) {
    deep += "/" + std::string(64, 'd');
    ASSERT_EQ(::mkdir(deep.c_str(), 0700), 0);
  }
  const std::string path = deep + "/" + kNodeSocket;
  const auto listener = listen_at(path);
  ASSERT_TRUE(listener) << listener.error();
  const auto connection = connect_to(path);
  ASSERT_TRUE(connection) << connection.error();
  const auto who = listener_of(*connection);
  ASSERT_TRUE(who) << who.error();
  EXPECT_EQ(who->pid, ::getpid());
}

TEST_F(NamedLabTest, TellsADeadSocketFromAMissingOne) {
  const std::string path = folder_ + "/socket";
  EXPECT_EQ(connect_to(path).error().kind, ErrorKind::kMissing);
  { const auto listener = listen_at(path); }
  EXPECT_EQ(connect_to(path).error().kind, ErrorKind::kLost);
}

TEST_F(NamedLabTest, DoesNotHangOnAListenerThatNeverAccepts) {
  const std::string path = folder_ + "/socket";
  const auto listener = listen_at(path);
  ASSERT_TRUE(listener);
  ASSERT_EQ(::listen(listener->get(), 0), 0);
  std::vector<UniqueFd> waiting;
  Result<UniqueFd> connection = connect_to(path);
  while (connection && waiting.size() < 10) {
    waiting.push_back(std::move(*connection));
    connection = connect_to(path);
  }
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().system_errno, EAGAIN);
}

}  // namespace
}  // namespace netns_lab
