#include "harness/lab/qemu/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/base/unique_fd.h"

namespace netns_lab::qemu {
namespace {

using ::testing::IsEmpty;

TEST(ConsoleTail, IsTheLastLinesOnOne) {
  std::string log;
  for (int i = 1; i <= 20; ++i) log += "line " + std::to_string(i) + "\r\n";
  log += "\r\n\x1B[31mred";
  EXPECT_EQ(console_tail(log), "line 14 | line 15 | line 16 | line 17 | line 18 | line 19 | line 20 | \\x1B[31mred");
  EXPECT_EQ(console_tail(log, 2), "line 20 | \\x1B[31mred");
  EXPECT_THAT(console_tail(""), IsEmpty());
}

struct Row {
  const char* name;
  const char* log;
  const char* cause;
};
std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }
class ConsoleCause : public ::testing::TestWithParam<Row> {};

TEST_P(ConsoleCause, IsTheKernelsOwnWord) { EXPECT_EQ(console_cause(GetParam().log), GetParam().cause); }

constexpr Row kRows[] = {
    {.name = "Nothing", .log = "[    0.1] Linux version 6.1\r\nnetns-lab: ready\r\n", .cause = ""},
    {.name = "ThePanicAndNotWhatFollowsIt",
     .log = "[   12.5] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009\r\n"
            "[   12.6] CPU: 0 PID: 1 Comm: netns-lab\r\n[   12.6] Call Trace:\r\n",
     .cause = "its kernel panicked: Attempted to kill init! exitcode=0x00000009"},
    {.name = "TheLastProcessThatWasKilled",
     .log = "[    9.1] Out of memory: Killed process 80 (tail) total-vm:400000kB\r\n"
            "[    9.9] Out of memory: Killed process 91 (awk) total-vm:500000kB\r\n",
     .cause = "its memory was used up: Out of memory: Killed process 91 (awk) total-vm:500000kB"},
    {.name = "APanicForWantOfMemory",
     .log = "[    9.1] Out of memory: Killed process 80 (tail)\r\n"
            "[    9.9] Kernel panic - not syncing: System is deadlocked on memory\r\n",
     .cause = "its kernel panicked: System is deadlocked on memory"},
    {.name = "NotHalfALine",
     .log = "[    9.1] Out of memory: Killed process 80 (tail)\r\n"
            "[    9.9] Kernel panic - not syncing: System is deadlocked on me",
     .cause = "its memory was used up: Out of memory: Killed process 80 (tail)"},
    {.name = "NotSomebodyElsesWord",
     .log = "netns-lab: Kernel panic - not syncing: no\r\nOut of memory: Killed process 1 (no)\r\n",
     .cause = ""},
};
INSTANTIATE_TEST_SUITE_P(Rows, ConsoleCause, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(EndOfFile, IsNoMoreThanIsAskedForAndNothingOfBefore) {
  const UniqueFd file(::memfd_create("log", MFD_CLOEXEC));
  ASSERT_EQ(::write(file.get(), "0123456789", 10), 10);
  EXPECT_EQ(end_of_file(file.get(), 100), "0123456789");
  EXPECT_EQ(end_of_file(file.get(), 3), "789");
  EXPECT_EQ(end_of_file(file.get(), 100, 4), "456789");
  EXPECT_THAT(end_of_file(file.get(), 100, 11), IsEmpty());
  EXPECT_THAT(end_of_file(-1, 100), IsEmpty());
}

}  // namespace
}  // namespace netns_lab::qemu
