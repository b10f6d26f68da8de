#include "harness/lab/qemu/machine.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "harness/lab/qemu/door.h"
#include "harness/lab/qemu/relay.h"

namespace netns_lab::qemu {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A fake QEMU: a script that is started as QEMU would be, with the same descriptors. Real machines are in the tests
// with label vm.
// So many messages on the first channel.
std::string encode_many(int messages) {
  std::string bytes;
  for (int i = 0; i < messages; ++i) {
    bytes += protocol::encode(
        {.channel = 1, .kind = protocol::ChannelFrame::Kind::kData, .payload = std::string(1'000, 'x')});
  }
  return bytes;
}

class FakeQemu : public ::testing::Test {
 protected:
  FakeQemu() {
    std::string pattern = ::testing::TempDir() + "fake-qemu-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = pattern;
    spec_.qemu.program = folder_ + "/qemu";
    spec_.qemu.path = "/usr/bin:/bin";
    spec_.qemu.kernel = "/boot/vmlinuz-test";
    spec_.greeting = "build-1";
    spec_.accelerations = {Acceleration::kTcg};
    spec_.archive = "the files";
    write("greeting",
          protocol::encode({.channel = 0, .kind = protocol::ChannelFrame::Kind::kGreeting, .payload = "build-1"}));
  }
  ~FakeQemu() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  Result<Machine> boot(const std::string& script, std::vector<int> interrupts = {}) {
    write("qemu", "#!/bin/bash\ncd " + folder_ + "\n" + script + "\n");
    ::chmod(spec_.qemu.program.c_str(), 0755);
    return Machine::boot(std::move(spec_), interrupts);
  }

  std::string folder_;
  MachineSpec spec_;
};

TEST_F(FakeQemu, ThatGreetsIsAMachineWithItsFilesAndConsole) {
  auto machine =
      boot("cat greeting >&3; cat /proc/self/fd/5 > archive; echo booted >&4; cat greeting > /dev/null; exec cat <&3");
  ASSERT_TRUE(machine.has_value()) << machine.error();
  EXPECT_EQ(machine->acceleration(), Acceleration::kTcg);
  EXPECT_GT(machine->pid(), 0);
  EXPECT_FALSE(machine->has_ended());
}

TEST_F(FakeQemu, ThatEndsIsToldWithWhatItAndItsConsoleSaid) {
  const auto machine = boot("echo Kernel panic >&4; echo no such machine >&2; exit 7");
  ASSERT_FALSE(machine.has_value());
  EXPECT_EQ(machine.error().kind, ErrorKind::kLost);
  EXPECT_THAT(machine.error().message(), AllOf(HasSubstr("/boot/vmlinuz-test"), HasSubstr("exited with status 7"),
                                               HasSubstr("no such machine"), HasSubstr("Kernel panic")));
}

TEST_F(FakeQemu, ThatFallsSilentIsGivenUp) {
  spec_.tcg_patience = milliseconds(200);
  const auto begun = Deadline::Clock::now();
  const auto machine = boot("echo waiting for the root device >&4; exec cat <&3");
  EXPECT_LT(Deadline::Clock::now() - begun, std::chrono::seconds(10));
  ASSERT_FALSE(machine.has_value());
  EXPECT_EQ(machine.error().kind, ErrorKind::kTimeout);
  EXPECT_THAT(machine.error().message(), AllOf(HasSubstr("no hello, and nothing new on its console for 200 ms"),
                                               HasSubstr("waiting for the root device")));
}

TEST_F(FakeQemu, ThatIsSlowButTalksIsWaitedForLongerThanOneThatFallsSilent) {
  spec_.tcg_patience = milliseconds(1'000);
  const auto begun = Deadline::Clock::now();
  const auto machine = boot("for i in {1..30}; do echo step $i >&4; sleep 0.1; done; cat greeting >&3; exec cat <&3");
  EXPECT_GT(Deadline::Clock::now() - begun, std::chrono::seconds(2));
  ASSERT_TRUE(machine.has_value()) << machine.error();
}

TEST_F(FakeQemu, ThatTalksOnAndOnIsGivenUpAtItsLimit) {
  spec_.tcg_patience = milliseconds(200);
  spec_.limit = milliseconds(500);
  const auto machine = boot("while echo step >&4; do sleep 0.05; done");
  ASSERT_FALSE(machine.has_value());
  EXPECT_EQ(machine.error().kind, ErrorKind::kTimeout);
  EXPECT_THAT(machine.error().message(), AllOf(HasSubstr("no hello within 500 ms"), HasSubstr("step")));
}

TEST_F(FakeQemu, ThatCannotUseKvmIsStartedAgainWithoutIt) {
  spec_.accelerations = {Acceleration::kKvm, Acceleration::kTcg};
  std::vector<std::string> refused;
  spec_.on_refusal = [&](Acceleration acceleration, const Error& why) {
    refused.push_back(to_string(acceleration) + ": " + why.message());
  };
  const auto machine =
      boot("[[ $* == *'-accel kvm'* ]] && { echo no KVM >&2; exit 1; }; cat greeting >&3; exec cat <&3");
  ASSERT_TRUE(machine.has_value()) << machine.error();
  EXPECT_EQ(machine->acceleration(), Acceleration::kTcg);
  EXPECT_THAT(refused, ElementsAre(HasSubstr("no KVM")));
}

TEST_F(FakeQemu, ThatIsSilentUnderKvmIsStartedAgainWithoutIt) {
  spec_.accelerations = {Acceleration::kKvm, Acceleration::kTcg};
  spec_.kvm_patience = milliseconds(200);
  int refusals = 0;
  spec_.on_refusal = [&](Acceleration, const Error& why) {
    ++refusals;
    EXPECT_EQ(why.kind, ErrorKind::kTimeout);
  };
  const auto machine = boot("[[ $* == *'-accel kvm'* ]] && exec cat <&3; cat greeting >&3; exec cat <&3");
  ASSERT_TRUE(machine.has_value()) << machine.error();
  EXPECT_EQ(refusals, 1);
}

TEST_F(FakeQemu, OfAnotherBuildIsRefused) {
  spec_.greeting = "build-2";
  const auto machine = boot("cat greeting >&3; exec cat <&3");
  ASSERT_FALSE(machine.has_value());
  EXPECT_EQ(machine.error().kind, ErrorKind::kInternal);
}

TEST_F(FakeQemu, ThatTalksNonsenseIsRefused) {
  const auto machine = boot("echo this is no protocol >&3; exec cat <&3");
  ASSERT_FALSE(machine.has_value());
  EXPECT_EQ(machine.error().kind, ErrorKind::kInternal);
}

TEST_F(FakeQemu, IsNotWaitedForWhenNobodyWantsItAnyMore) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd interrupt(ends[0]);
  ::close(ends[1]);
  const auto machine = boot("exec cat <&3", {interrupt.get()});
  ASSERT_FALSE(machine.has_value());
  EXPECT_EQ(machine.error().kind, ErrorKind::kCancelled);
}

TEST_F(FakeQemu, IsEndedWithItsMachine) {
  pid_t pid = 0;
  {
    const auto machine = boot("cat greeting >&3; exec cat <&3");
    ASSERT_TRUE(machine.has_value()) << machine.error();
    pid = machine->pid();
    ASSERT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(FakeQemu, IsMissingWhenThereIsNone) {
  spec_.qemu.program = "netns-lab-nosuch-qemu";
  const std::vector<int> none;
  const auto machine = Machine::boot(std::move(spec_), none);
  ASSERT_FALSE(machine.has_value());
  EXPECT_EQ(machine.error().kind, ErrorKind::kMissing);
  EXPECT_THAT(machine.error().message(), HasSubstr("apt-get install qemu-system-x86"));
}

TEST_F(FakeQemu, WhoseKernelPanickedIsToldWithItsWords) {
  const auto machine =
      boot("printf '[   1.5] Kernel panic - not syncing: VFS: no root\\n[   1.6] Call Trace:\\n' >&4; exit 0");
  ASSERT_FALSE(machine.has_value());
  EXPECT_THAT(machine.error().message(),
              HasSubstr("hello: its kernel panicked: VFS: no root; QEMU exited with status 0"));
}

TEST_F(FakeQemu, ThatIsCutOffInTheMiddleOfAMessageIsLostAndNothingOfTheMessageIsGivenOut) {
  auto machine = boot("cat greeting >&3; read -r -n 1 <&3; printf '\\0\\0\\0\\1\\3\\0\\0\\11half' >&3; exit 3");
  ASSERT_TRUE(machine.has_value()) << machine.error();
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd ours(ends[0]);
  machine->trunk().open("node 1", UniqueFd(ends[1]));
  RelaySockets sockets;
  const auto kept = relay(*machine, sockets);
  ASSERT_FALSE(kept.has_value());
  EXPECT_EQ(kept.error().kind, ErrorKind::kLost);
  EXPECT_THAT(kept.error().message(), HasSubstr("QEMU exited with status 3"));
  char byte = 0;
  EXPECT_LT(::recv(ours.get(), &byte, 1, MSG_DONTWAIT), 0);
}

TEST_F(FakeQemu, ThatFloodsItsStreamBeyondTheWindowIsRefused) {
  write("flood", encode_many(1'000));
  auto machine = boot("cat greeting >&3; read -r -n 1 <&3; while cat flood >&3; do :; done");
  ASSERT_TRUE(machine.has_value()) << machine.error();
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd ours(ends[0]);  // nobody reads it
  machine->trunk().open("node 1", UniqueFd(ends[1]));
  RelaySockets sockets;
  const auto kept = relay(*machine, sockets);
  ASSERT_FALSE(kept.has_value());
  EXPECT_THAT(kept.error().message(), HasSubstr("more bytes than the window allows"));
}

TEST(Door, PassesALabelAndAStream) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd outside(ends[0]);
  const UniqueFd inside(ends[1]);
  const auto first = open_stream(outside, "node 1");
  const auto second = open_stream(outside, "outside 1");
  ASSERT_TRUE(first.has_value()) << first.error();
  ASSERT_TRUE(second.has_value()) << second.error();
  for (const auto& [label, stream] : {std::pair("node 1", first->get()), std::pair("outside 1", second->get())}) {
    const auto call = answer(inside);
    ASSERT_TRUE(call.has_value()) << call.error();
    ASSERT_TRUE(call->has_value());
    EXPECT_EQ((*call)->label, label);
    ASSERT_EQ(::send(stream, "x", 1, MSG_NOSIGNAL), 1);
    char byte = 0;
    EXPECT_EQ(::recv((*call)->stream.get(), &byte, 1, MSG_DONTWAIT), 1);
  }
  const auto nothing = answer(inside);
  ASSERT_TRUE(nothing.has_value()) << nothing.error();
  EXPECT_FALSE(nothing->has_value());
}

TEST(Door, NonsenseIsPassedOverAndTheEndIsTold) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  UniqueFd outside(ends[0]);
  const UniqueFd inside(ends[1]);
  ASSERT_EQ(::send(outside.get(), "what?", 5, MSG_NOSIGNAL), 5);
  const auto nonsense = answer(inside);
  ASSERT_TRUE(nonsense.has_value()) << nonsense.error();
  EXPECT_FALSE(nonsense->has_value());
  outside.reset();
  const auto end = answer(inside);
  ASSERT_FALSE(end.has_value());
  EXPECT_EQ(end.error().kind, ErrorKind::kLost);
}

TEST(Door, OfAMachineThatEndedIsLost) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd outside(ends[0]);
  ::close(ends[1]);
  const auto stream = open_stream(outside, "node 1");
  ASSERT_FALSE(stream.has_value());
  EXPECT_EQ(stream.error().kind, ErrorKind::kLost);
  EXPECT_FALSE(open_stream(outside, std::string(kMaximumLabel + 1, 'x')).has_value());
}

}  // namespace
}  // namespace netns_lab::qemu
