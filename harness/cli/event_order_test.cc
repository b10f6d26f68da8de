#include "harness/cli/event_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab::cli {
namespace {

using testing::ElementsAre;

std::string text(const RunEvent& event) {
  if (const auto* started = std::get_if<CaseStarted>(&event)) return std::to_string(started->worker) + started->name;
  if (const auto* ended = std::get_if<WorkerEnded>(&event)) return std::to_string(ended->worker) + "end";
  return "run";
}

RunEvent case_started(int worker, const char* name) {
  CaseStarted started;
  started.worker = worker;
  started.name = name;
  return started;
}

TEST(EventOrder, KeepsTheEventsOfALaterWorkerUntilItsTurn) {
  std::vector<std::string> seen;
  EventOrder order([&seen](const RunEvent& event) { seen.push_back(text(event)); });
  order(case_started(1, "b"));
  order(case_started(0, "a"));
  order(WorkerEnded{2, ExitStatus::kConformant, ""});
  order(WorkerEnded{1, ExitStatus::kConformant, ""});
  EXPECT_THAT(seen, ElementsAre("0a"));
  order(WorkerEnded{0, ExitStatus::kConformant, ""});
  EXPECT_THAT(seen, ElementsAre("0a", "0end", "1b", "1end", "2end"));
}

TEST(EventOrder, GivesWhatWasKeptBeforeTheRunEnds) {
  std::vector<std::string> seen;
  EventOrder order([&seen](const RunEvent& event) { seen.push_back(text(event)); });
  order(case_started(3, "d"));
  order(case_started(1, "b"));
  order(RunEnded{});
  EXPECT_THAT(seen, ElementsAre("1b", "3d", "run"));
}

}  // namespace
}  // namespace netns_lab::cli
