#include "reports/kernel_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab::reports {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Requirement requirement(const char* id) {
  Requirement one;
  one.id = id;
  return one;
}

void add_worker(RunResult& run, int number, const char* label, Verdict bridge, const char* why = "") {
  WorkerStarted started;
  started.worker = number;
  started.scenario = "bridge";
  started.target = "native";
  started.family = "IPv4";
  started.kernel_label = label;
  started.catalogue = {requirement("bridge.build"), requirement("bridge.forwards")};
  run.add(started);
  for (const auto& [id, verdict] : {std::pair("bridge.build", Verdict::kPass), std::pair("bridge.forwards", bridge)}) {
    CaseEnded ended;
    ended.worker = number;
    ended.suite = "Bridge";
    ended.name = id;
    ended.requirements = {id};
    ended.verdict = verdict;
    ended.message = why;
    run.add(ended);
  }
  run.add(WorkerEnded{number, ExitStatus::kConformant, ""});
}

TEST(KernelTable, IsForARunOnSeveralOnly) {
  RunResult run;
  EXPECT_THAT(kernel_table(run), IsEmpty());
  add_worker(run, 0, "", Verdict::kPass);
  EXPECT_THAT(kernel_table(run), IsEmpty());
}

TEST(KernelTable, HasAColumnForEachAndWhatIsNotTheSameOnAll) {
  RunResult run;
  add_worker(run, 0, "6.1.0-cloud", Verdict::kPass);
  add_worker(run, 1, "6.1.0-rt", Verdict::kSkip, "kernel 6.1.0-rt has no bridge (CONFIG_BRIDGE)\nand more");
  EXPECT_EQ(kernel_table(run),
            "kernels side by side    6.1.0-cloud           6.1.0-rt\n"
            "  bridge, native, IPv4  conformant: 2 passed  conformant: 1 passed, 1 skipped\n"
            "    bridge.forwards     pass                  skip: kernel 6.1.0-rt has no bridge (CONFIG_BRIDGE)\n");
}

TEST(KernelTable, AWorkerThatOneKernelHasNotIsAnEmptyCell) {
  RunResult run;
  add_worker(run, 0, "one", Verdict::kPass);
  add_worker(run, 1, "two", Verdict::kPass);
  add_worker(run, 2, "two", Verdict::kPass);
  EXPECT_THAT(kernel_table(run), HasSubstr("bridge, native, IPv4                        conformant: 2 passed"));
}

}  // namespace
}  // namespace netns_lab::reports
