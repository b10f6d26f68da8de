#include "harness/cli/kill_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <ostream>

namespace netns_lab::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Fault fault() {
  Fault fault;
  fault.scenario = "s";
  fault.name = "mtu-of-one-end";
  fault.breaks = "s.mtu";
  fault.how = "one end has another MTU";
  fault.took_hold = "mtu 1500, now 1400";
  fault.words = {"1400"};
  fault.also = {"s.full-mtu"};
  return fault;
}

CaseEnded ended(const std::string& id, Verdict verdict, const std::string& message) {
  CaseEnded one;
  one.suite = "Suite";
  one.name = id;
  one.requirements = {id};
  one.verdict = verdict;
  one.message = message;
  return one;
}

struct World {
  Fault fault = cli::fault();
  WorkerResult worker;
  Result<std::vector<std::string>> observed =
      std::vector<std::string>{"link veth2 in netns1 changed: mtu 1500, now 1400"};
};

World killed() {
  World world;
  for (const char* id : {"s.build", "s.mtu", "s.full-mtu", "s.address"}) {
    Requirement requirement;
    requirement.id = id;
    world.worker.started.catalogue.push_back(requirement);
  }
  world.worker.cases = {ended("s.build", Verdict::kPass, ""), ended("s.mtu", Verdict::kFail, "MTU of veth2 is 1400"),
                        ended("s.full-mtu", Verdict::kFail, "no reply"), ended("s.address", Verdict::kPass, "")};
  world.worker.ended = WorkerEnded{0, ExitStatus::kNotConformant, ""};
  return world;
}

Kill judged(const World& world) { return judge_fault(world.fault, world.worker, world.observed); }

TEST(KillTable, AFaultIsKilledByItsRequirementInItsWords) {
  const Kill kill = judged(killed());
  EXPECT_TRUE(kill.is_killed()) << kill_line(kill);
  EXPECT_THAT(kill.failed, ElementsAre("s.mtu", "s.full-mtu"));
  EXPECT_THAT(kill_line(kill), HasSubstr("killed"));
}

struct Row {
  const char* name;
  std::function<void(World&)> change;
  const char* complaint;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class NotKilled : public ::testing::TestWithParam<Row> {};

TEST_P(NotKilled, SaysWhy) {
  World world = killed();
  GetParam().change(world);
  const Kill kill = judged(world);
  EXPECT_FALSE(kill.is_killed());
  EXPECT_THAT(kill.complaints(), ElementsAre(HasSubstr(GetParam().complaint)));
  EXPECT_THAT(kill_line(kill), HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, NotKilled,
    ::testing::Values(
        Row{"Escaped", [](World& w) { w.worker.cases[1].verdict = Verdict::kPass; },
            "s.mtu should have failed; it is: pass"},
        Row{"Skipped", [](World& w) { w.worker.cases[1].verdict = Verdict::kSkip; },
            "s.mtu should have failed; it is: skip"},
        Row{"NotJudged", [](World& w) { w.worker.cases.erase(w.worker.cases.begin() + 1); }, "s.mtu was not judged"},
        Row{"InOtherWords", [](World& w) { w.worker.cases[1].message = "the MTU is wrong"; }, "did not say \"1400\""},
        Row{"WithoutWords", [](World& w) { w.fault.words.clear(); }, "no words"},
        Row{"BlamingAnother", [](World& w) { w.worker.cases[3] = ended("s.address", Verdict::kFail, "no address"); },
            "failed without being broken: s.address"},
        Row{"InError", [](World& w) { w.worker.cases[3] = ended("s.address", Verdict::kError, "lost"); },
            "ended in an error, which is never a target's fault: s.address"},
        Row{"DidNotTakeHold", [](World& w) { w.observed = std::vector<std::string>{"something else"}; },
            "did not take hold: expected to observe \"mtu 1500, now 1400\"; observed: something else"},
        Row{"NothingToObserve", [](World& w) { w.fault.took_hold.clear(); }, "no observation"},
        Row{"NotObserved",
            [](World& w) { w.observed = tl::unexpected(Error::missing("make a sandbox", "it is refused")); },
            "could not be observed: make a sandbox"},
        Row{"WorkerDied",
            [](World& w) {
              w.worker.ended = WorkerEnded{0, ExitStatus::kHarnessBroke, "killed by signal 9"};
            },
            "the worker did not end well: killed by signal 9"},
        Row{"WorkerNeverEnded", [](World& w) { w.worker.ended.reset(); }, "it never ended"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(KillTable, TheSummaryRoundsDown) {
  World escaped = killed();
  escaped.worker.cases[1].verdict = Verdict::kPass;
  std::vector<Kill> kills(199, judged(killed()));
  EXPECT_EQ(kill_summary(kills), "s: 199 of 199 faults killed (100 %)\n");
  kills.push_back(judged(escaped));
  EXPECT_EQ(kill_summary(kills), "s: 199 of 200 faults killed (99 %)\n");
}

TEST(KillTable, ReportsHoldEveryFault) {
  World escaped = killed();
  escaped.fault.how = "a | b";
  escaped.worker.cases[1].verdict = Verdict::kPass;
  const std::vector<Kill> kills = {judged(killed()), judged(escaped)};
  const auto document = nlohmann::json::parse(kill_json(kills, ExitStatus::kNotConformant));
  EXPECT_EQ(document.at("faults").size(), 2U);
  EXPECT_EQ(document.at("faults")[0].at("killed"), true);
  EXPECT_EQ(document.at("faults")[1].at("killed"), false);
  EXPECT_EQ(document.at("scenarios")[0].at("percent"), 50);
  EXPECT_THAT(kill_markdown(kills), HasSubstr("| a \\| b |"));
}

}  // namespace
}  // namespace netns_lab::cli
