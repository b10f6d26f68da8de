#include "harness/process/running_command.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "harness/base/unique_fd.h"
#include "harness/process/orphans.h"
#include "harness/process/shell.h"

namespace netns_lab::process {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using How = CommandEnd::How;

CommandOutcome run(Command command) {
  Result<CommandOutcome> outcome = run_to_end(std::move(command));
  EXPECT_TRUE(outcome.has_value()) << outcome.error();
  return outcome ? *outcome : CommandOutcome{};
}

RunningCommand begin(Command command) {
  Result<RunningCommand> running = RunningCommand::start(std::move(command));
  if (!running) throw std::runtime_error(running.error().message());
  return std::move(*running);
}

// Everything that is printed until `text` has come, or until 10 s have passed.
std::string read_until(RunningCommand& command, const std::string& text) {
  const Deadline deadline = Deadline::after(seconds(10));
  std::string seen;
  while (seen.find(text) == std::string::npos && !deadline.passed()) {
    const Chunk chunk = command.read(4096, deadline);
    seen += chunk.output + chunk.errors;
    if (chunk.end) break;
  }
  return seen;
}

bool alive(int pid) { return ::kill(pid, 0) == 0; }

// A process that is nobody's child here is waited for by its pidfd.
bool gone_by(int pid, Deadline deadline) {
  while (alive(pid) && !deadline.passed()) std::this_thread::yield();
  return !alive(pid);
}

struct EndCase {
  std::string name;
  std::string script;
  How how;
  int code;
  std::string output;
  std::string errors;
};
std::ostream& operator<<(std::ostream& out, const EndCase& row) { return out << row.script; }

class Ends : public ::testing::TestWithParam<EndCase> {};

TEST_P(Ends, AreToldAsTheyWere) {
  const CommandOutcome outcome = run(shell(GetParam().script));
  EXPECT_EQ(outcome.end.how, GetParam().how) << outcome.end;
  EXPECT_EQ(outcome.end.code, GetParam().code) << outcome.end;
  EXPECT_EQ(outcome.output, GetParam().output);
  EXPECT_EQ(outcome.errors, GetParam().errors);
  EXPECT_FALSE(outcome.end.descendants_left);
  EXPECT_GT(outcome.end.duration.count(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Commands, Ends,
    ::testing::Values(EndCase{"Success", "echo out; echo err >&2", How::kExited, 0, "out\n", "err\n"},
                      EndCase{"Status", "exit 7", How::kExited, 7, "", ""},
                      EndCase{"StatusNine", "exit 9", How::kExited, 9, "", ""},
                      EndCase{"KilledItself", "kill -KILL $$", How::kSignalled, SIGKILL, "", ""},
                      EndCase{"Status137", "exit 137", How::kExited, 137, "", ""},
                      EndCase{"BinaryOutput", "printf '\\377\\000x'", How::kExited, 0, std::string("\377\0x", 3), ""},
                      EndCase{"NoInput", "cat; echo end", How::kExited, 0, "end\n", ""},
                      EndCase{"ChildThatEndsJustAfter", "echo a > >(cat)", How::kExited, 0, "a\n", ""},
                      EndCase{"ClosesItsOutput", "exec >&- 2>&-; exit 3", How::kExited, 3, "", ""}),
    [](const auto& row) { return row.param.name; });

struct NotStartedCase {
  std::string name;
  std::vector<std::string> argv;
  std::string folder;
  int code;
  std::string reason;
};
std::ostream& operator<<(std::ostream& out, const NotStartedCase& row) { return out << row.name; }

class NotStarted : public ::testing::TestWithParam<NotStartedCase> {};

TEST_P(NotStarted, IsAnEndWithItsReason) {
  std::ofstream("/run/no-interpreter") << "#!/nonexistent/interpreter\n";
  std::ofstream("/run/not-executable") << "#!/bin/sh\n";
  std::ofstream("/run/neither") << "echo\n";
  std::filesystem::permissions("/run/no-interpreter", std::filesystem::perms::owner_all);
  std::filesystem::permissions("/run/neither", std::filesystem::perms::owner_all);
  Command command;
  command.argv = GetParam().argv;
  command.environment = {{"PATH", "/usr/bin:/bin"}};
  command.working_directory = GetParam().folder;
  const CommandOutcome outcome = run(command);
  EXPECT_EQ(outcome.end.how, How::kNotStarted) << outcome.end;
  EXPECT_EQ(outcome.end.code, GetParam().code);
  EXPECT_THAT(outcome.end.reason, HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    Commands, NotStarted,
    ::testing::Values(
        NotStartedCase{
            "NotInPath", {"nosuchprogram"}, "", ENOENT, "find nosuchprogram: there is no such program in its PATH"},
        NotStartedCase{"Missing", {"/nonexistent/x"}, "", ENOENT, "execute /nonexistent/x: ENOENT"},
        NotStartedCase{
            "NoInterpreter", {"/run/no-interpreter"}, "", ENOENT, "the interpreter that its #! line names is not"},
        NotStartedCase{"NotExecutable", {"/run/not-executable"}, "", EACCES, "chmod +x"},
        NotStartedCase{
            "Neither", {"/run/neither"}, "", ENOEXEC, "it is neither a binary for this machine nor a script"},
        NotStartedCase{"NoFolder", {"true"}, "/nonexistent", ENOENT, "enter the folder /nonexistent: ENOENT"}),
    [](const auto& row) { return row.param.name; });

TEST(RunningCommand, GetsExactlyItsEnvironmentFolderAndInput) {
  Command command;
  command.argv = {"/usr/bin/env"};
  command.environment = {{"A", "1 2"}, {"B", ""}};
  EXPECT_EQ(run(command).output, "A=1 2\nB=\n");

  Command cat = shell("pwd; cat");
  cat.working_directory = "/usr";
  cat.standard_input = std::string(300'000, 'x');  // more than a pipe holds
  EXPECT_EQ(run(cat).output, "/usr\n" + std::string(300'000, 'x'));
}

TEST(RunningCommand, HasNoDescriptorOfOursAndDefaultSignals) {
  const UniqueFd leaked(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC, on purpose
  // Ignored by whoever started us, as make does it: 32 and 33 are glibc's own, so not by sigaction(3).
  std::array<unsigned long, 16> ignored{1};
  for (const int number : {32, 33}) ::syscall(SYS_rt_sigaction, number, ignored.data(), nullptr, 8);
  ::signal(SIGHUP, SIG_IGN);
  const CommandOutcome outcome =
      run(shell("ls /proc/self/fd | tr '\\n' ' '; grep -E 'Sig(Blk|Ign)' /proc/self/status"));
  ::signal(SIGHUP, SIG_DFL);
  ignored[0] = 0;
  for (const int number : {32, 33}) ::syscall(SYS_rt_sigaction, number, ignored.data(), nullptr, 8);
  EXPECT_THAT(outcome.output, StartsWith("0 1 2 3 "));  // 3 is ls reading the folder
  EXPECT_THAT(outcome.output, HasSubstr("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000"));
}

// Whatever numbers they have here: 3 and 4 themselves, swapped, are the hard case.
TEST(RunningCommand, HasTheDescriptorsItIsGivenAndNoOther) {
  std::array<UniqueFd, 2> read_ends;
  std::array<UniqueFd, 2> write_ends;
  for (int i = 0; i < 2; ++i) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read_ends[static_cast<std::size_t>(i)].reset(ends[0]);
    write_ends[static_cast<std::size_t>(i)].reset(ends[1]);
  }
  Command command = shell("echo one >&3; echo two >&4; ls /proc/self/fd | tr '\\n' ' '");
  command.descriptors = {write_ends[1].get(), write_ends[0].get()};
  const CommandOutcome outcome = run(command);
  EXPECT_THAT(outcome.output, StartsWith("0 1 2 3 4 5 "));  // 5 is what ls reads the folder through
  write_ends = {};
  std::array<char, 16> text{};
  EXPECT_EQ(::read(read_ends[1].get(), text.data(), text.size()), 4);
  EXPECT_STREQ(text.data(), "one\n");
  EXPECT_EQ(::read(read_ends[0].get(), text.data(), text.size()), 4);
  EXPECT_STREQ(text.data(), "two\n");
}

TEST(RunningCommand, KeepsOutputUpToItsLimitAndNeverHoldsTheCommandUp) {
  Command command = shell("head -c 100000000 /dev/zero; head -c 3000 /dev/zero >&2; echo done >&2");
  command.output_limit = 1000;
  rusage before{};
  ::getrusage(RUSAGE_SELF, &before);
  RunningCommand running = begin(command);
  // Nobody reads until it has ended.
  std::string output;
  std::string errors;
  Chunk chunk;
  while (!(chunk = running.read(300, Deadline::after(seconds(30)))).end) {
    output += chunk.output;
    errors += chunk.errors;
    if (chunk.output.empty() && chunk.errors.empty()) break;
  }
  output += chunk.output;
  errors += chunk.errors;
  rusage after{};
  ::getrusage(RUSAGE_SELF, &after);
  ASSERT_TRUE(chunk.command.has_value());
  EXPECT_EQ(chunk.command->how, How::kExited);
  EXPECT_EQ(output.size(), 1000U);
  EXPECT_EQ(errors.size(), 1000U);
  EXPECT_EQ(chunk.command->dropped, 100'000'000U - 1000U + 3005U - 1000U);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 8 * 1024);  // KiB
}

TEST(RunningCommand, IsStoppedAtItsDeadlineWithItsGroup) {
  Command command = shell("sleep 100 & echo $!; wait");
  command.time_limit = milliseconds(150);
  const CommandOutcome outcome = run(command);
  EXPECT_EQ(outcome.end.how, How::kTimedOut) << outcome.end;
  EXPECT_EQ(outcome.end.code, SIGTERM);
  EXPECT_GE(outcome.end.duration, milliseconds(150));
  EXPECT_LT(outcome.end.duration, seconds(5));
  ASSERT_THAT(outcome.output, EndsWith("\n"));
  EXPECT_FALSE(alive(std::stoi(outcome.output)));
}

TEST(RunningCommand, IsKilledWhenItDoesNotHeedTerm) {
  Command command = shell("trap '' TERM; echo $$; while :; do sleep 100 & wait $!; done");
  command.time_limit = milliseconds(100);
  command.stop_grace = milliseconds(100);
  const CommandOutcome outcome = run(command);
  EXPECT_EQ(outcome.end.how, How::kTimedOut);
  EXPECT_EQ(outcome.end.code, SIGKILL) << outcome.end;
  EXPECT_GE(outcome.end.duration, milliseconds(200));
  EXPECT_FALSE(alive(std::stoi(outcome.output)));
}

struct DaemonCase {
  std::string name;
  std::string script;  // prints the daemon's pid
};
std::ostream& operator<<(std::ostream& out, const DaemonCase& row) { return out << row.script; }

class Daemons : public ::testing::TestWithParam<DaemonCase> {};

TEST_P(Daemons, AreFoundAndKilled) {
  const Deadline deadline = Deadline::after(seconds(5));
  const CommandOutcome outcome = run(shell(GetParam().script));
  EXPECT_FALSE(deadline.passed());  // although the daemon keeps standard output open
  EXPECT_EQ(outcome.end.how, How::kExited) << outcome.end;
  EXPECT_TRUE(outcome.end.descendants_left);
  EXPECT_THAT(outcome.end.descendants, Contains(HasSubstr("1000")));
  ASSERT_THAT(outcome.output, EndsWith("\n"));
  EXPECT_FALSE(alive(std::stoi(outcome.output))) << outcome.output;
}

INSTANTIATE_TEST_SUITE_P(
    OfACommand, Daemons,
    ::testing::Values(DaemonCase{"Background", "sleep 1000 & echo $!"},
                      DaemonCase{"NoHangup", "trap '' TERM HUP; sleep 1000 & echo $!"},
                      DaemonCase{"SessionOfItsOwn",
                                 "setsid sleep 1000 & echo $!; while kill -0 $! && ! grep -q sleep "
                                 "/proc/$!/comm; do :; done"},
                      DaemonCase{"TwiceForkedSession",
                                 "exec 3< <(setsid bash -c '(echo $BASHPID; exec 3>&- >/dev/null 2>&1 0<&-; exec -a "
                                 "\"a ) b\" sleep 1000) &'); read -r pid <&3; echo $pid"},
                      DaemonCase{"TreeOfThem",
                                 "setsid bash -c 'setsid bash -c \"setsid sleep 1000 & wait\" & wait' & echo $!"}),
    [](const auto& row) { return row.param.name; });

TEST(RunningCommand, DaemonsThatItMayLeaveAreLetGo) {
  Command command = shell("setsid sleep 1000 < /dev/null > /dev/null 2>&1 & echo $!");
  command.daemons = {"sleep"};
  const CommandOutcome outcome = run(command);
  EXPECT_FALSE(outcome.end.descendants_left) << outcome.end;
  EXPECT_EQ(::kill(std::stoi(outcome.output), SIGKILL), 0);
}

TEST(RunningCommand, StopsOnRequestAndSaysHow) {
  RunningCommand command =
      begin(shell("trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 1000 & wait $!; done"));
  EXPECT_EQ(read_until(command, "ready\n"), "ready\n");
  command.stop();
  EXPECT_EQ(read_until(command, "bye\n"), "bye\n");
  const Chunk last = command.read(100, Deadline::after(seconds(5)));
  ASSERT_TRUE(last.end);
  EXPECT_EQ(last.command->how, How::kExited);
  EXPECT_EQ(last.command->code, 4);
}

TEST(RunningCommand, TakesSignalsForItsGroup) {
  RunningCommand command = begin(shell("trap 'echo got; exit' USR1; sleep 1000 & echo ready; wait"));
  EXPECT_EQ(read_until(command, "ready\n"), "ready\n");
  ASSERT_TRUE(command.signal(SIGUSR1));
  EXPECT_EQ(read_until(command, "got\n"), "got\n");
  EXPECT_FALSE(command.signal(0));
  EXPECT_FALSE(command.signal(1000));
}

TEST(RunningCommand, DiesWithItsOwner) {
  int pid = 0;
  {
    RunningCommand command = begin(shell("trap '' TERM; sleep 1000; :"));
    pid = command.pid();
    EXPECT_TRUE(alive(pid));
  }
  EXPECT_FALSE(alive(pid));
  EXPECT_THAT(known_children(), IsEmpty());
}

TEST(RunningCommand, DiesWhenItsOwnersProcessIsKilled) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t owner = ::fork();
  if (owner == 0) {
    RunningCommand command = begin(shell("setsid sleep 1000 & echo $!; wait"));
    const std::string daemon = read_until(command, "\n");
    const std::string pids = std::to_string(command.pid()) + " " + daemon;
    if (::write(ends[1], pids.data(), pids.size()) < 0) ::_exit(1);
    ::pause();
  }
  char text[64] = {};
  ASSERT_GT(::read(ends[0], text, sizeof text - 1), 0);
  ::kill(owner, SIGKILL);
  ASSERT_EQ(::waitpid(owner, nullptr, 0), owner);
  int main_pid = 0;
  int daemon_pid = 0;
  std::istringstream(text) >> main_pid >> daemon_pid;
  ASSERT_GT(daemon_pid, 0) << text;
  EXPECT_TRUE(gone_by(main_pid, Deadline::after(seconds(5))));
  EXPECT_TRUE(gone_by(daemon_pid, Deadline::after(seconds(5))));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(RunningCommand, TakesInputPieceByPiece) {
  Command command = shell("while read -r line; do echo \"<$line>\"; done; echo end");
  command.keep_input_open = true;
  command.standard_input = "first\n";
  RunningCommand running = begin(command);
  EXPECT_EQ(read_until(running, "<first>\n"), "<first>\n");
  ASSERT_TRUE(running.write("second\n"));
  EXPECT_EQ(read_until(running, "<second>\n"), "<second>\n");
  running.end_input();
  EXPECT_EQ(read_until(running, "end\n"), "end\n");
  const Chunk last = running.read(10, Deadline::after(seconds(5)));
  EXPECT_TRUE(last.end);
  EXPECT_TRUE(running.write("too late")) << "the end of a command is no error of its writer";
}

TEST(RunningCommand, RefusesInputAfterItsEndAndTooMuchOfIt) {
  Command command = shell("sleep 1000");
  RunningCommand without = begin(command);
  EXPECT_THAT(without.write("x").error().message(), HasSubstr("its input has ended already"));
  command.keep_input_open = true;
  RunningCommand with = begin(command);
  Result<void> written;
  for (int i = 0; i < 64 && written; ++i) written = with.write(std::string(100'000, 'x'));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::kInvalid);
}

TEST(RunningCommand, SurvivesACommandThatClosesItsInput) {
  Command command = shell("exec <&-; echo closed; read -r _ < <(sleep 0.1); echo end");
  command.standard_input = std::string(1'000'000, 'x');
  EXPECT_EQ(run(command).output, "closed\nend\n");
}

TEST(RunningCommand, IsOnATerminalWhenAsked) {
  Command command = shell(
      "tty -s && echo yes; stty size < /dev/tty; trap 'stty size; exit' WINCH; read -r x; echo \"[$x]\"; sleep 1000 & "
      "wait");
  command.terminal = TerminalSize{30, 100};
  RunningCommand running = begin(command);
  EXPECT_EQ(read_until(running, "30 100\r\n"), "yes\r\n30 100\r\n");
  ASSERT_TRUE(running.write("hello\r"));
  EXPECT_THAT(read_until(running, "[hello]\r\n"), EndsWith("[hello]\r\n"));
  ASSERT_TRUE(running.resize({50, 160}));
  EXPECT_EQ(read_until(running, "50 160\r\n"), "50 160\r\n");
  const Chunk last = running.read(10, Deadline::after(seconds(5)));
  ASSERT_TRUE(last.end);
  EXPECT_EQ(last.command->how, How::kExited);
}

TEST(RunningCommand, HoldsATerminalUpInsteadOfDropping) {
  Command command = shell("head -c 300000 /dev/zero | tr '\\0' x; echo; echo end");
  command.terminal = TerminalSize{};
  command.output_limit = 10'000;
  RunningCommand running = begin(command);
  std::string seen = read_until(running, "end\r\n");
  EXPECT_EQ(seen.size(), 300'000U + 2 + 5);
}

TEST(RunningCommand, RefusesAnInvalidCommand) {
  Command command;
  EXPECT_EQ(RunningCommand::start(command).error().kind, ErrorKind::kInvalid);
  command.argv = {"true", std::string("a\0b", 3)};
  EXPECT_THAT(RunningCommand::start(command).error().message(), HasSubstr("NUL"));
  command.argv = {"true"};
  command.environment = {{"A=B", "c"}};
  EXPECT_THAT(RunningCommand::start(command).error().message(), HasSubstr("A=B"));
  RunningCommand no_terminal = begin(shell("true"));
  EXPECT_EQ(no_terminal.resize({}).error().kind, ErrorKind::kInvalid);
}

TEST(RunningCommand, EntersItsNetworkNamespaceAlone) {
  UniqueFd other;
  std::thread([&] {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    other.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }).join();
  ASSERT_TRUE(other.valid());
  const auto ours = std::filesystem::read_symlink("/proc/thread-self/ns/net").string();
  Command command = shell("readlink /proc/self/ns/net");
  command.network_namespace_fd = other.get();
  const auto theirs = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(other.get())).string();
  EXPECT_EQ(run(command).output, theirs + "\n");
  EXPECT_EQ(std::filesystem::read_symlink("/proc/thread-self/ns/net").string(), ours);
  const UniqueFd no_namespace(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  command.network_namespace_fd = no_namespace.get();
  EXPECT_THAT(run(command).end.reason, HasSubstr("enter its network namespace: EINVAL"));
}

TEST(RunningCommand, RunsManyAtOnceWithoutMixingThemUp) {
  const Deadline deadline = Deadline::after(seconds(60));
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([thread] {
      for (int round = 0; round < 10; ++round) {
        const std::string text = std::to_string(thread) + "." + std::to_string(round);
        Command command = shell("read -r x; echo $x " + text + "; exit " + std::to_string(thread));
        command.standard_input = text + "\n";
        const CommandOutcome outcome = run(command);
        EXPECT_EQ(outcome.output, text + " " + text + "\n");
        EXPECT_EQ(outcome.end.code, thread) << outcome.end;
        reap_orphans();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(deadline.passed());
  EXPECT_THAT(known_children(), IsEmpty());
}

TEST(RunningCommand, ReadReturnsWhenInterruptedAndAtItsDeadline) {
  RunningCommand command = begin(shell("sleep 1000"));
  const Deadline deadline = Deadline::after(milliseconds(30));
  const Chunk nothing = command.read(10, deadline);
  EXPECT_TRUE(deadline.passed());
  EXPECT_FALSE(nothing.end);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  EXPECT_FALSE(command.read(10, Deadline::never(), ends[0]).end);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(RunningCommand, IsReadyWhenThereIsSomethingToRead) {
  Command shy = shell("read -r _; echo x");
  shy.keep_input_open = true;
  RunningCommand command = begin(shy);
  pollfd wait{command.ready_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&wait, 1, 0), 0);
  command.end_input();
  EXPECT_EQ(::poll(&wait, 1, 10'000), 1);
  EXPECT_EQ(read_until(command, "x\n"), "x\n");
  EXPECT_TRUE(command.read(1, Deadline::after(seconds(5))).end);
  EXPECT_EQ(::poll(&wait, 1, 0), 1) << "after the end it never waits";
}

TEST(CommandText, SaysItAsAPersonWould) {
  Command command;
  command.argv = {"ip", "route", "add", "a b", ""};
  EXPECT_EQ(to_string(command), "ip route add 'a b' ''");
  CommandEnd end;
  end.code = 2;
  EXPECT_EQ(to_string(end), "exited with status 2");
  end = {};
  end.how = How::kSignalled;
  end.code = SIGSEGV;
  end.dropped = 7;
  EXPECT_EQ(to_string(end), "was killed by SIGSEGV; 7 bytes of its output were not kept");
  EXPECT_EQ(signal_name(77), "signal 77");
}

}  // namespace
}  // namespace netns_lab::process
