#include "reports/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "harness/model/samples.h"

namespace netns_lab::reports {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string printed(const std::vector<RunEvent>& events, TerminalOptions options = {}) {
  std::ostringstream out;
  TerminalPrinter printer(out, std::move(options));
  for (const RunEvent& event : events) printer.add(event);
  return out.str();
}

TEST(TerminalPrinter, PrintsALinePerRequirementAndWhyItFails) {
  EXPECT_EQ(printed(samples::run(), {.colour = Colour::kOff, .report = "netns-lab-report/"}),
            "single-namespace, target native, IPv4, lab sandbox 'netns-lab', shuffled (--seed 42) CON=netns1 "
            "IP=10.200.1.1\n"
            "  FAIL  single-namespace.host-route  The node has the route 10.200.1.1/32 dev veth1.\n"
            "        SingleNamespace.HostRouteExists (suites/single-namespace/routes_test.cc:24)\n"
            "          expected: a route 10.200.1.1/32 dev veth1\n"
            "          seen: no route to 10.200.1.1\n"
            "  not conformant: 1 failed\n"
            "\n"
            "not conformant in 40.0 ms, report in netns-lab-report/\n");
}
TEST(TerminalPrinter, ColoursOnlyWhenAsked) {
  EXPECT_THAT(printed(samples::run()), Not(HasSubstr("\033")));
  EXPECT_THAT(printed(samples::run(), {.colour = Colour::kOn, .report = ""}), HasSubstr("\033[1;31mFAIL \033[0m"));
}
TEST(TerminalPrinter, ControlBytesOfATargetDoNotReachTheTerminal) {
  std::vector<RunEvent> events = samples::run();
  std::get<CaseEnded>(events[3]).message = "\033]0;owned\007";
  EXPECT_THAT(printed(events), HasSubstr("\\x1B]0;owned\\x07"));
}
TEST(TerminalPrinter, TellsACaseWithoutRequirementAndOneThatNeverEnded) {
  std::vector<RunEvent> events = samples::run();
  std::get<CaseEnded>(events[3]).requirements.clear();
  CaseStarted running;
  running.suite = "Suite";
  running.name = "Hangs";
  events.insert(events.begin() + 4, running);
  std::get<WorkerEnded>(events[5]).message = "killed by SIGKILL";
  const std::string text = printed(events);
  EXPECT_THAT(text, HasSubstr("FAIL  (no requirement)\n        SingleNamespace.HostRouteExists"));
  EXPECT_THAT(text, HasSubstr("ERROR Suite.Hangs was running when its worker ended"));
  EXPECT_THAT(text, HasSubstr("1 of 1 requirements were not judged"));
  EXPECT_THAT(text, HasSubstr("killed by SIGKILL"));
}
TEST(TerminalPrinter, TellsOnceWhatBreaksEveryCaseAlike) {
  std::vector<RunEvent> events = samples::run();
  CaseEnded broken = std::get<CaseEnded>(events[3]);
  broken.requirements.clear();
  broken.verdict = Verdict::kError;
  broken.message = "no lab";
  events[3] = broken;
  events.insert(events.begin() + 4, 2, RunEvent(broken));
  const std::string text = printed(events);
  EXPECT_THAT(
      text,
      HasSubstr("ERROR SingleNamespace.HostRouteExists and 2 other cases, all for the same reason\n        no lab\n"));
  EXPECT_EQ(text.find("no lab"), text.rfind("no lab")) << text;
}
TEST(TerminalPrinter, LeavesTheEvidenceToTheReport) {
  std::vector<RunEvent> events = samples::run();
  std::get<CaseEnded>(events[3]).message =
      "Value of: echo\nExpected: every echo is answered\n  Actual: 0 of 3 answered\n#1: no reply\nseen: a request\n "
      "(of type X), \n- 3 of 3: no "
      "reply\n\nWhy: the route is missing\nValue of: other\n  Actual: false\nExpected: true\nsetup.sh: no\n";
  EXPECT_THAT(printed(events), HasSubstr("          Expected: every echo is answered\n"
                                         "            Actual: 0 of 3 answered\n"
                                         "                    (and 2 more lines, in the report)\n"
                                         "          - 3 of 3: no reply\n"
                                         "          Why: the route is missing\n"
                                         "          setup.sh: no\n"));
}
TEST(TerminalPrinter, ShowsNoCodeOfWhatIsKnownToFail) {
  std::vector<RunEvent> events = samples::run();
  auto& known = std::get<CaseEnded>(events[3]);
  known.verdict = Verdict::kKnownFailure;
  known.message =
      "known failure: issue 7\nValue of: build_outcome().succeeded\n  Actual: false\nExpected: true\nsetup.sh exited "
      "with status 3";
  EXPECT_THAT(printed(events), HasSubstr("        known failure: issue 7\n        setup.sh exited with status 3\n"));
}
TEST(TerminalPrinter, TellsALowerLevelApart) {
  std::vector<RunEvent> events = samples::run();
  std::get<WorkerStarted>(events[1]).catalogue[0].level = Level::kShould;
  std::get<CaseEnded>(events[3]).level = Level::kShould;
  const std::string text = printed(events);
  EXPECT_THAT(text, HasSubstr("  fail  single-namespace.host-route  SHOULD: The node has"));
  EXPECT_THAT(text, HasSubstr("conformant: 1 failed below MUST"));
}

}  // namespace
}  // namespace netns_lab::reports
