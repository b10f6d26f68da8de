// The stream over plain commands of this machine that stand for `multipass exec`.
#include "harness/lab/multipass/connection.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>

namespace netns_lab::multipass {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kBuild = "b1";

process::Command command(std::vector<std::string> argv) {
  process::Command made;
  made.argv = std::move(argv);
  made.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}};
  return made;
}

// A command that prints these bytes and goes on while its input is open.
class Printing {
 public:
  explicit Printing(const std::string& bytes) {
    std::array<char, 64> name = {"/tmp/netns-lab-connection-XXXXXX"};
    const UniqueFd file(::mkstemp(name.data()));
    path_ = name.data();
    if (!file.valid() || ::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("cannot write " + path_);
    }
  }
  Printing(const Printing&) = delete;
  Printing& operator=(const Printing&) = delete;
  ~Printing() { ::unlink(path_.c_str()); }
  process::Command command_line() const { return command({"cat", path_, "-"}); }

 private:
  std::string path_;
};

std::string greeting(const std::string& text) {
  return protocol::encode({.channel = 0, .kind = protocol::ChannelFrame::Kind::kGreeting, .payload = text});
}

TEST(Connection, OpensWhenItsBuildGreetsAndTellsHowItsCommandEnded) {
  const Printing guest(greeting(kBuild));
  auto connection = Connection::open(guest.command_line(), kBuild, Deadline::after(seconds(10)), {});
  ASSERT_TRUE(connection.has_value()) << connection.error();
  EXPECT_FALSE(connection->has_ended());
  // What is written to it arrives: `cat` gives it back, an open of ours, which only this side may send.
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd far(ends[0]);
  connection->trunk().open("x", UniqueFd(ends[1]));
  const Deadline deadline = Deadline::after(seconds(10));
  Result<void> worked;
  while (worked && !deadline.passed()) {
    std::vector<pollfd> waits;
    connection->trunk().watch(waits);
    ::poll(waits.data(), waits.size(), deadline.poll_timeout());
    worked = connection->trunk().work(waits);
  }
  ASSERT_FALSE(worked.has_value());
  EXPECT_THAT(worked.error().message(), HasSubstr("cannot be opened"));
}

struct EndRow {
  const char* name;
  std::vector<std::string> argv;
  std::vector<std::string> told;
};
class ConnectionThatEnds : public testing::TestWithParam<EndRow> {};

TEST_P(ConnectionThatEnds, BeforeItGreetsIsLostWithItsCommandStatusAndWords) {
  const auto connection = Connection::open(command(GetParam().argv), kBuild, Deadline::after(seconds(10)), {});
  ASSERT_FALSE(connection.has_value());
  EXPECT_EQ(connection.error().kind, ErrorKind::kLost) << connection.error();
  for (const std::string& told : GetParam().told) EXPECT_THAT(connection.error().message(), HasSubstr(told));
  EXPECT_THAT(connection.error().message(), HasSubstr("multipass list"));
}
INSTANTIATE_TEST_SUITE_P(
    Rows, ConnectionThatEnds,
    testing::Values(EndRow{"WithWords", {"ls", "/nosuch"}, {"`ls /nosuch`", "exited with status 2", "No such file"}},
                    EndRow{"WithoutWords", {"false"}, {"`false`", "exited with status 1", "printed nothing"}},
                    EndRow{"AtOnce", {"true"}, {"`true`", "exited with status 0"}},
                    EndRow{"NotThere", {"nosuch-multipass"}, {"exited with status 127", "not found"}}),
    [](const auto& row) { return row.param.name; });

TEST(Connection, WhatIsNoGreetingIsAnErrorWithTheCommand) {
  const Printing guest("Welcome to Ubuntu 22.04.3 LTS\n");
  const auto connection = Connection::open(guest.command_line(), kBuild, Deadline::after(seconds(10)), {});
  ASSERT_FALSE(connection.has_value());
  EXPECT_THAT(connection.error().message(), AllOf(HasSubstr("no greeting of ours"), HasSubstr("`cat ")));
}

TEST(Connection, AnotherBuildIsRefused) {
  const Printing guest(greeting("b2"));
  const auto connection = Connection::open(guest.command_line(), kBuild, Deadline::after(seconds(10)), {});
  ASSERT_FALSE(connection.has_value());
  EXPECT_THAT(connection.error().message(), HasSubstr("another build"));
}

TEST(Connection, OneThatSaysNothingIsATimeOut) {
  const auto connection = Connection::open(command({"cat"}), kBuild, Deadline::after(milliseconds(200)), {});
  ASSERT_FALSE(connection.has_value());
  EXPECT_EQ(connection.error().kind, ErrorKind::kTimeout);
  EXPECT_THAT(connection.error().message(), AllOf(HasSubstr("`cat`"), HasSubstr("multipass list")));
}

TEST(Connection, IsGivenUpWhenInterrupted) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd(ends[1]).reset();
  const std::array<int, 1> interrupts = {reader.get()};
  const auto connection = Connection::open(command({"cat"}), kBuild, Deadline::after(seconds(10)), interrupts);
  ASSERT_FALSE(connection.has_value());
  EXPECT_EQ(connection.error().kind, ErrorKind::kCancelled);
}

}  // namespace
}  // namespace netns_lab::multipass
