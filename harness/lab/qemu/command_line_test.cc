#include "harness/lab/qemu/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "harness/lab/qemu/acceleration.h"

namespace netns_lab::qemu {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

std::string after(const process::Command& command, const std::string& option) {
  const auto at = std::find(command.argv.begin(), command.argv.end(), option);
  return at == command.argv.end() || at + 1 == command.argv.end() ? "(none)" : *(at + 1);
}

QemuSpec spec() { return {.kernel = "/boot/vmlinuz-6.1", .init = "/usr/lib/x", .init_arguments = "agent --init"}; }

TEST(QemuCommand, BootsTheKernelWithOurFirstProcess) {
  const process::Command command = qemu_command(spec());
  EXPECT_EQ(command.argv.front(), "qemu-system-x86_64");
  EXPECT_EQ(after(command, "-kernel"), "/boot/vmlinuz-6.1");
  EXPECT_THAT(after(command, "-append"), EndsWith(" rdinit=/usr/lib/x -- agent --init"));
  EXPECT_THAT(after(command, "-append"), HasSubstr("panic=-1"));
  EXPECT_THAT(command.argv, Contains("-no-reboot"));
  EXPECT_EQ(after(command, "-machine"), "q35");
  EXPECT_EQ(after(command, "-smp"), "2");
  EXPECT_EQ(after(command, "-m"), "512");
}

TEST(QemuCommand, AnEmulatedProcessorCopiesByWords) {
  QemuSpec with = spec();
  with.acceleration = Acceleration::kTcg;
  EXPECT_EQ(after(qemu_command(with), "-cpu"), "max,erms=off,fsrm=off");
  with.acceleration = Acceleration::kKvm;
  EXPECT_EQ(after(qemu_command(with), "-cpu"), "max");
}

TEST(QemuCommand, HasNoNetworkNoDiskAndNoMonitor) {
  const process::Command command = qemu_command(spec());
  EXPECT_THAT(command.argv, Contains("-nodefaults"));
  EXPECT_THAT(command.argv, Contains("-no-user-config"));
  for (const char* option : {"-netdev", "-nic", "-net", "-drive", "-hda", "-monitor", "-qmp", "-vnc"}) {
    EXPECT_THAT(command.argv, Not(Contains(std::string(option))));
  }
  EXPECT_EQ(std::count(command.argv.begin(), command.argv.end(), "-device"), 2);  // the port and what it hangs on
}

TEST(QemuCommand, HasADiskWhereItIsGivenOne) {
  QemuSpec with_disk = spec();
  with_disk.has_disk = true;
  const process::Command command = qemu_command(with_disk);
  EXPECT_EQ(after(command, "-drive"), "file=/proc/self/fd/6,format=raw,if=none,id=disk,cache=unsafe");
  EXPECT_THAT(command.argv, Contains("virtio-blk-pci,drive=disk,werror=report,rerror=report"));
  with_disk.wires = {{.own = 1, .peer = 2}};  // whose descriptors come first
  EXPECT_EQ(after(qemu_command(with_disk), "-drive"), "file=/proc/self/fd/7,format=raw,if=none,id=disk,cache=unsafe");
}

TEST(QemuCommand, HasAWireToEachOtherMachineAndNoOtherNetwork) {
  QemuSpec given = spec();
  given.wires = {{.own = 1, .peer = 2}, {.own = 1, .peer = 16}};
  const process::Command command = qemu_command(given);
  EXPECT_THAT(command.argv, Contains("socket,id=wire0,fd=6"));
  EXPECT_THAT(command.argv, Contains("virtio-net-pci,netdev=wire0,mac=02:00:0a:01:01:02,romfile="));
  EXPECT_THAT(command.argv, Contains("socket,id=wire1,fd=7"));
  EXPECT_THAT(command.argv, Contains("virtio-net-pci,netdev=wire1,mac=02:00:0a:01:01:10,romfile="));
  EXPECT_EQ(std::count(command.argv.begin(), command.argv.end(), "-netdev"), 2);
  given.wires = {{.mac = "52:54:00:00:00:07"}};
  EXPECT_THAT(qemu_command(given).argv, Contains("virtio-net-pci,netdev=wire0,mac=52:54:00:00:00:07,romfile="));
}

struct AccelerationCase {
  std::string name;
  Acceleration given;
  std::string want;
};
void PrintTo(const AccelerationCase& row, std::ostream* out) { *out << row.name; }
class QemuAcceleration : public ::testing::TestWithParam<AccelerationCase> {};

TEST_P(QemuAcceleration, IsAskedFor) {
  QemuSpec given = spec();
  given.acceleration = GetParam().given;
  EXPECT_EQ(after(qemu_command(given), "-accel"), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(Every, QemuAcceleration,
                         ::testing::Values(AccelerationCase{"Kvm", Acceleration::kKvm, "kvm"},
                                           AccelerationCase{"Tcg", Acceleration::kTcg, "tcg"}),
                         [](const auto& row) { return row.param.name; });

TEST(Accelerations, KvmIsTriedWhereItOpensAndHasNotFailed) {
  EXPECT_THAT(accelerations_to_try(true, false), ElementsAre(Acceleration::kKvm, Acceleration::kTcg));
  EXPECT_THAT(accelerations_to_try(true, true), ElementsAre(Acceleration::kTcg));
  EXPECT_THAT(accelerations_to_try(false, false), ElementsAre(Acceleration::kTcg));
  EXPECT_THAT(accelerations_to_try(false, true), ElementsAre(Acceleration::kTcg));
}

TEST(KvmFailure, IsRememberedUntilTheNextBoot) {
  const std::string folder = ::testing::TempDir() + "kvm-failure-" + std::to_string(::getpid());
  const KvmFailure now(folder, "boot-1");
  EXPECT_FALSE(now.remembered());
  now.remember();
  EXPECT_TRUE(now.remembered());
  EXPECT_TRUE(KvmFailure(folder, "boot-1").remembered());
  EXPECT_FALSE(KvmFailure(folder, "boot-2").remembered());
  std::filesystem::remove_all(folder);
}

TEST(Memory, IsANumberWithAUnitBetweenTheLeastAndTheMost) {
  EXPECT_EQ(parse_memory("").value_or(0), 512u);
  EXPECT_EQ(parse_memory("256M").value_or(0), 256u);
  EXPECT_EQ(parse_memory("2G").value_or(0), 2048u);
  for (const char* wrong :
       {"2", "M", "2T", "2g", "-2G", "2 G", "2Gi", "1.5G", "255M", "0G", "99999999999G", "5000000M"}) {
    const auto parsed = parse_memory(wrong);
    ASSERT_FALSE(parsed.has_value()) << wrong;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(parsed.error().message(), HasSubstr(wrong));
  }
}

TEST(KvmFailure, IsForgottenWhereNothingCanBeKept) {
  const KvmFailure nowhere("", "boot-1");
  nowhere.remember();
  EXPECT_FALSE(nowhere.remembered());
  const KvmFailure unwritable("/proc/nosuch", "boot-1");
  unwritable.remember();
  EXPECT_FALSE(unwritable.remembered());
}

}  // namespace
}  // namespace netns_lab::qemu
