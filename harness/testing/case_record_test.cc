#include "harness/testing/case_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace netns_lab {
namespace {

using ::testing::HasSubstr;

struct Given {
  CaseRecord record;
  std::vector<CasePart> parts;
  std::string known_failure;
};

Given good() {
  Given given;
  given.record.file = "case_test.cc";
  given.record.line = 10;
  given.record.requirements = {"single-namespace.udp"};
  given.record.observations = 1;
  return given;
}

CasePart part(const char* file, const char* message, bool failed) {
  CasePart made;
  made.failed = failed;
  made.skipped = !failed;
  made.file = file;
  made.line = 20;
  made.message = message;
  return made;
}

struct Row {
  const char* name;
  std::function<void(Given&)> change;
  Verdict verdict;
  const char* says;
  int line;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Judged : public ::testing::TestWithParam<Row> {};
TEST_P(Judged, ByWhatIsKnown) {
  Given given = good();
  GetParam().change(given);
  const CaseJudgement judgement = judge_case(given.record, given.parts, given.known_failure);
  EXPECT_EQ(to_string(judgement.verdict), to_string(GetParam().verdict));
  EXPECT_THAT(judgement.message, HasSubstr(GetParam().says));
  EXPECT_EQ(judgement.line, GetParam().line);
}
const Row kRows[] = {
    {"NothingWrong", [](Given&) {}, Verdict::kPass, "", 10},
    {"Failed",
     [](Given& g) {
       g.parts = {part("a.cc", "one", true), part("b.cc", "two", true)};
     },
     Verdict::kFail, "one\ntwo", 20},
    {"Skipped", [](Given& g) { g.parts = {part("a.cc", "rests on x", false)}; }, Verdict::kSkip, "rests on x", 10},
    {"SkippedAfterAFailure",
     [](Given& g) {
       g.parts = {part("a.cc", "one", true), part("a.cc", "later", false)};
     },
     Verdict::kFail, "one", 20},
    {"LabError",
     [](Given& g) {
       g.record.lab_error = Error::lost("snapshot", "the agent died");
       g.parts = {part("", "C++ exception", true)};
     },
     Verdict::kError, "the agent died", 10},
    {"Exception", [](Given& g) { g.parts = {part("", "C++ exception", true)}; }, Verdict::kError, "C++ exception", 10},
    {"FailureThenException",
     [](Given& g) {
       g.parts = {part("a.cc", "one", true), part("", "C++ exception", true)};
     },
     Verdict::kError, "one", 20},
    {"NoRequirement", [](Given& g) { g.record.requirements.clear(); }, Verdict::kError, "names no requirement", 10},
    {"NoEvidence", [](Given& g) { g.record.observations = 0; }, Verdict::kError, "looked at no evidence", 10},
    {"KnownFailure",
     [](Given& g) {
       g.known_failure = "bug 7";
       g.parts = {part("a.cc", "one", true)};
     },
     Verdict::kKnownFailure, "bug 7", 20},
    {"UnexpectedPass", [](Given& g) { g.known_failure = "bug 7"; }, Verdict::kFail, "listed as a known failure: bug 7",
     10},
};
INSTANTIATE_TEST_SUITE_P(Rows, Judged, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace netns_lab
