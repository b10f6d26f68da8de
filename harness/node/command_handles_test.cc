#include "harness/node/command_handles.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace netns_lab::node {
namespace {

using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;

struct Ran {
  std::string output;
  std::string errors;
  protocol::CommandEnd end;
};

Ran read_all(HandleObject& handle) {
  const Cancellation never;
  Ran ran;
  for (;;) {
    Result<Taken> taken = handle.read(4096, Deadline::after(seconds(10)), never);
    if (!taken) throw std::runtime_error(taken.error().message());
    const auto outputs = static_cast<std::size_t>(taken->reply.output_bytes);
    EXPECT_EQ(taken->bytes.size(), taken->reply.output_bytes + taken->reply.error_bytes);
    ran.output += taken->bytes.substr(0, outputs);
    ran.errors += taken->bytes.substr(outputs);
    if (taken->reply.end) {
      if (taken->reply.command) ran.end = *taken->reply.command;
      return ran;
    }
  }
}

Ran run(const protocol::RunRequest& request, const std::string& folder = "/run/netns") {
  Result<std::unique_ptr<HandleObject>> handle = start_command(request, folder);
  if (!handle) throw std::runtime_error(handle.error().message());
  return read_all(**handle);
}

protocol::RunRequest shell(const std::string& script) {
  protocol::RunRequest request;
  request.argv = {"bash", "-c", script};
  return request;
}

TEST(CommandHandle, StartsInACleanEnvironmentWithTheRequestsOnTop) {
  ::setenv("LEAKED", "1", 1);
  protocol::RunRequest request;
  request.argv = {"env"};
  request.environment = {{"CON", "netns1"}, {"USER", "somebody"}};
  request.working_directory = "/usr";
  EXPECT_EQ(run(request).output,
            "CON=netns1\nHOME=/home/ubuntu\nLANG=C.UTF-8\nLOGNAME=root\n"
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/"
            "usr\nPYTHONDONTWRITEBYTECODE=1\nSHELL=/bin/bash\n"
            "USER=somebody\n");
}

TEST(CommandHandle, TellsOutputErrorsAndEnd) {
  protocol::RunRequest request = shell("cat; echo err >&2; exit 3");
  request.standard_input = "in";
  const Ran ran = run(request);
  EXPECT_EQ(ran.output, "in");
  EXPECT_EQ(ran.errors, "err\n");
  EXPECT_EQ(ran.end.how, protocol::CommandEnd::How::kExited);
  EXPECT_EQ(ran.end.code, 3);
  EXPECT_GT(ran.end.duration.count(), 0);
}

TEST(CommandHandle, CarriesTimeLimitOutputLimitAndDaemonsThrough) {
  protocol::RunRequest slow = shell("sleep 1000");
  slow.time_limit = std::chrono::milliseconds(50);
  EXPECT_EQ(run(slow).end.how, protocol::CommandEnd::How::kTimedOut);
  protocol::RunRequest wordy = shell("echo 12345");
  wordy.output_limit = 2;
  const Ran ran = run(wordy);
  EXPECT_EQ(ran.output, "1\n");  // the beginning and the end
  EXPECT_EQ(ran.end.dropped, 4U);
  EXPECT_TRUE(run(shell("setsid sleep 1000 &")).end.descendants_left);
  protocol::RunRequest missing;
  missing.argv = {"nosuchprogram"};
  const Ran none = run(missing);
  EXPECT_EQ(none.end.how, protocol::CommandEnd::How::kNotStarted);
  EXPECT_THAT(none.end.reason, HasSubstr("nosuchprogram"));
}

TEST(CommandHandle, EntersANamedNamespace) {
  std::filesystem::create_directories("/run/here");
  std::ofstream("/run/here/netns1");
  std::thread([] {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    ASSERT_EQ(::mount("/proc/thread-self/ns/net", "/run/here/netns1", nullptr, MS_BIND, nullptr), 0);
  }).join();
  protocol::RunRequest request = shell("stat -L -c %i /proc/self/ns/net /run/here/netns1 | uniq | wc -l");
  EXPECT_EQ(run(request, "/run/here").output, "2\n");
  request.network_namespace = "netns1";
  EXPECT_EQ(run(request, "/run/here").output, "1\n");
  ::umount("/run/here/netns1");
}

TEST(CommandHandle, TypesIntoATerminalAndChangesItsSize) {
  protocol::RunRequest request = shell("echo $TERM; read -r x; stty size; echo \"[$x]\"");
  request.terminal = true;
  Result<std::unique_ptr<HandleObject>> handle = start_command(request);
  ASSERT_TRUE(handle) << handle.error();
  const Cancellation never;
  protocol::WriteRequest write;
  write.rows = 33;
  ASSERT_EQ((*handle)->write(write, "", Deadline::never(), never).error().kind, ErrorKind::kInvalid);
  write.columns = 99;
  ASSERT_TRUE((*handle)->write(write, "hello\r", Deadline::never(), never));
  const Ran ran = read_all(**handle);
  EXPECT_THAT(ran.output, HasSubstr("xterm-256color\r\n"));
  EXPECT_THAT(ran.output, EndsWith("33 99\r\n[hello]\r\n"));
}

TEST(CommandHandle, TakesMoreInputWhenItIsKeptOpen) {
  protocol::RunRequest request = shell("cat");
  request.standard_input = "a";
  request.keep_input_open = true;
  Result<std::unique_ptr<HandleObject>> handle = start_command(request);
  ASSERT_TRUE(handle) << handle.error();
  const Cancellation never;
  protocol::WriteRequest write;
  ASSERT_TRUE((*handle)->write(write, "b", Deadline::never(), never));
  write.end = true;
  ASSERT_TRUE((*handle)->write(write, "c", Deadline::never(), never));
  EXPECT_EQ(read_all(**handle).output, "abc");
}

TEST(CommandHandle, CloseEndsTheCommandAndCancellationTheRead) {
  Result<std::unique_ptr<HandleObject>> handle = start_command(shell("trap '' TERM; sleep 1000; :"));
  ASSERT_TRUE(handle) << handle.error();
  Cancellation cancellation;
  cancellation.request();
  EXPECT_EQ((*handle)->read(10, Deadline::never(), cancellation).error().kind, ErrorKind::kCancelled);
  ASSERT_TRUE((*handle)->close(Deadline::after(seconds(1))));
  EXPECT_EQ(read_all(**handle).end.how, protocol::CommandEnd::How::kSignalled);
}

struct RefusedCase {
  std::string name;
  protocol::RunRequest request;
  ErrorKind kind;
  std::string words;
};
std::ostream& operator<<(std::ostream& out, const RefusedCase& row) { return out << row.name; }

class Refused : public ::testing::TestWithParam<RefusedCase> {};

TEST_P(Refused, WithOneClearLine) {
  const Result<std::unique_ptr<HandleObject>> handle = start_command(GetParam().request);
  ASSERT_FALSE(handle);
  EXPECT_EQ(handle.error().kind, GetParam().kind);
  EXPECT_THAT(handle.error().message(), HasSubstr(GetParam().words));
}

protocol::RunRequest in_namespace(const std::string& name) {
  protocol::RunRequest request = shell("true");
  request.network_namespace = name;
  return request;
}
protocol::RunRequest terminal_with_input() {
  protocol::RunRequest request = shell("true");
  request.terminal = true;
  request.standard_input = "x";
  return request;
}

INSTANTIATE_TEST_SUITE_P(Commands, Refused,
                         ::testing::Values(RefusedCase{"NoArgv", {}, ErrorKind::kInvalid, "argv is empty"},
                                           RefusedCase{"NoSuchNamespace", in_namespace("nosuch"), ErrorKind::kSystem,
                                                       "run a command in network namespace nosuch: ENOENT"},
                                           RefusedCase{"NamespaceWithSlash", in_namespace("../x"), ErrorKind::kInvalid,
                                                       "not a namespace's name"},
                                           RefusedCase{"TerminalWithInput", terminal_with_input(), ErrorKind::kInvalid,
                                                       "typed"}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab::node
