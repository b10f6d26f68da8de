#include "harness/cli/machine_witness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "harness/cli/machine_keeper.h"

namespace netns_lab::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr auto kKilled = "[    9.1] Out of memory: Killed process 80 (tail) total-vm:4kB\r\n";

void write_to(int file, const std::string& text) {
  ASSERT_EQ(::write(file, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

CaseEnded case_ended(Verdict verdict, int worker = 0) {
  CaseEnded ended;
  ended.worker = worker;
  ended.verdict = verdict;
  ended.message = "the stream ended";
  return ended;
}
CaseEnded told(MachineReporter& reporter, const CaseEnded& ended) { return std::get<CaseEnded>(reporter(ended)); }
WorkerEnded told(MachineReporter& reporter, ExitStatus status) {
  return std::get<WorkerEnded>(reporter(WorkerEnded{0, status, "the stream ended"}));
}

TEST(MachineReporter, LeavesAloneWhatWentWell) {
  const auto witness = MachineWitness::create();
  ASSERT_TRUE(witness.has_value()) << witness.error();
  write_to(witness->console(), "netns-lab: ready\n");
  MachineReporter reporter(*witness);
  for (const Verdict verdict : {Verdict::kPass, Verdict::kFail, Verdict::kSkip, Verdict::kKnownFailure}) {
    EXPECT_EQ(told(reporter, case_ended(verdict)), case_ended(verdict));
  }
  EXPECT_EQ(told(reporter, ExitStatus::kNotConformant).message, "the stream ended");
  EXPECT_FALSE(reporter.has_error());
}

TEST(MachineReporter, AnErrorBeginsWithWhyTheMachineEndedAndTheFirstHasItsConsole) {
  const auto witness = MachineWitness::create();
  ASSERT_TRUE(witness.has_value()) << witness.error();
  write_to(witness->console(), "netns-lab: ready\nnetns-lab: last\n");
  write_to(witness->last_words(), "run a virtual machine: QEMU was killed by SIGKILL");
  MachineReporter reporter(*witness, "console-2.log");
  const CaseEnded first = told(reporter, case_ended(Verdict::kError));
  EXPECT_EQ(first.message, "run a virtual machine: QEMU was killed by SIGKILL\nthe stream ended");
  EXPECT_THAT(first.evidence, HasSubstr("console ends:\nnetns-lab: ready\nnetns-lab: last"));
  EXPECT_THAT(first.attachments, ElementsAre("console-2.log"));
  const CaseEnded second = told(reporter, case_ended(Verdict::kError));
  EXPECT_EQ(second.message, first.message);
  EXPECT_THAT(second.evidence, IsEmpty());
  EXPECT_THAT(told(reporter, case_ended(Verdict::kError, 1)).evidence, HasSubstr("console ends:"));
  EXPECT_EQ(told(reporter, ExitStatus::kLabMissing).message, first.message);
  EXPECT_TRUE(reporter.has_error());
}

TEST(MachineReporter, AFailureWhileMemoryWasUsedUpIsAnError) {
  const auto witness = MachineWitness::create();
  ASSERT_TRUE(witness.has_value()) << witness.error();
  write_to(witness->console(), kKilled);
  MachineReporter reporter(*witness);
  const CaseEnded failed = told(reporter, case_ended(Verdict::kFail));
  EXPECT_EQ(failed.verdict, Verdict::kError);
  EXPECT_THAT(failed.message,
              AllOf(StartsWith("the virtual machine: its memory was used up: Out of memory: Killed process 80 (tail)"),
                    HasSubstr("--memory"), HasSubstr("the stream ended")));
  EXPECT_EQ(told(reporter, case_ended(Verdict::kPass)).verdict, Verdict::kPass);
  EXPECT_EQ(told(reporter, ExitStatus::kNotConformant).status, ExitStatus::kLabMissing);
  EXPECT_EQ(told(reporter, ExitStatus::kConformant).status, ExitStatus::kConformant);
}

TEST(MachineWitness, OfSeveralTellsWhichOneItWas) {
  const auto witness = MachineWitness::create(2);
  ASSERT_TRUE(witness.has_value()) << witness.error();
  write_to(witness->console(0), "ready\n");
  write_to(witness->console(1), kKilled);
  EXPECT_THAT(witness->cause(), StartsWith("the virtual machine of node-2: its memory was used up"));
  EXPECT_THAT(witness->out_of_memory(), HasSubstr("Killed process 80"));
  EXPECT_THAT(witness->console_text(), StartsWith("=== the machine of node-1\nready\n=== the machine of node-2\n"));
  write_to(witness->last_words(1), "run a virtual machine: over");
  EXPECT_EQ(witness->cause(), "the virtual machine of node-2: run a virtual machine: over");
}

TEST(MachineWitness, OfSeveralStandingOnesThatHaveNoConsoleTellsWhichOneItWas) {
  std::string folder = ::testing::TempDir() + "witness-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  for (const char* name : {"ended", "ended-2"}) std::ofstream(folder + "/" + name).flush();
  const MachineWitness witness = MachineWitness::of_standing(folder);
  EXPECT_THAT(witness.cause(), IsEmpty());
  std::ofstream(folder + "/ended-2") << "serve labs in the instance: over";
  EXPECT_EQ(witness.cause(), "the virtual machine of node-2: serve labs in the instance: over");
  std::filesystem::remove_all(folder);
}

TEST(MachineWitness, OfAStandingMachineKnowsNothingOfWhatWasSaidBefore) {
  std::string folder = ::testing::TempDir() + "witness-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/" + kConsoleFile) << kKilled;
  std::ofstream(folder + "/" + kLastWordsFile).flush();
  const MachineWitness witness = MachineWitness::of_standing(folder);
  EXPECT_THAT(witness.cause(), IsEmpty());
  std::ofstream(folder + "/" + kConsoleFile, std::ios::app) << "[   19.1] Kernel panic - not syncing: now\n";
  EXPECT_EQ(witness.cause(), "the virtual machine: its kernel panicked: now");
  EXPECT_THAT(witness.out_of_memory(), IsEmpty());
  std::ofstream(folder + "/" + kLastWordsFile) << "run a virtual machine: over";
  EXPECT_EQ(witness.cause(), "run a virtual machine: over");
  std::filesystem::remove_all(folder);
  EXPECT_THAT(MachineWitness::of_standing(folder).cause(), IsEmpty());
  EXPECT_THAT(MachineWitness().console_text(), IsEmpty());
}

}  // namespace
}  // namespace netns_lab::cli
