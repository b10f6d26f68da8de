#include "harness/testing/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace netns_lab {
namespace {

std::vector<Requirement> catalogue() {
  std::vector<Requirement> all(2);
  all[0].id = "single-namespace.host-route";
  all[1].id = "single-namespace.udp";
  return all;
}

struct GlobRow {
  const char* name;
  const char* pattern;
  const char* text;
  bool matches;
};
void PrintTo(const GlobRow& row, std::ostream* out) { *out << row.pattern << " on " << row.text; }
class Glob : public ::testing::TestWithParam<GlobRow> {};
TEST_P(Glob, Matches) { EXPECT_EQ(matches_glob(GetParam().pattern, GetParam().text), GetParam().matches); }
const GlobRow kGlobs[] = {
    {"Equal", "abc", "abc", true},
    {"Star", "a*c", "abbbc", true},
    {"StarEmpty", "a*c", "ac", true},
    {"Question", "a?c", "abc", true},
    {"QuestionNeedsOne", "a?c", "ac", false},
    {"Shorter", "ab", "abc", false},
    {"TwoStars", "*b*d", "abcbd", true},
    {"BackTrack", "*ab", "aab", true},
    {"Empty", "", "", true},
    {"EmptyPattern", "", "a", false},
    {"StarAlone", "*", "", true},
};
INSTANTIATE_TEST_SUITE_P(Rows, Glob, ::testing::ValuesIn(kGlobs),
                         [](const auto& row) { return std::string(row.param.name); });

struct SelectionRow {
  const char* name;
  const char* filter;
  bool may_run;
  bool wanted;
};
void PrintTo(const SelectionRow& row, std::ostream* out) { *out << row.filter; }
// The case SingleNamespace.HostReaches, which judges single-namespace.udp.
class SelectionOf : public ::testing::TestWithParam<SelectionRow> {};
TEST_P(SelectionOf, OneCase) {
  const Selection selection(GetParam().filter, catalogue());
  EXPECT_EQ(selection.takes_case("SingleNamespace", "HostReaches"), GetParam().may_run);
  if (!GetParam().may_run) return;
  EXPECT_EQ(selection.takes("SingleNamespace", "HostReaches", "single-namespace.udp"), GetParam().wanted);
}
const SelectionRow kSelections[] = {
    {"Empty", "", true, true},
    {"All", "*", true, true},
    {"FullName", "SingleNamespace.HostReaches", true, true},
    {"Pattern", "SingleNamespace.Host*", true, true},
    {"CaseAlone", "Host*", true, true},
    {"OneOfSeveral", "No.Such:SingleNamespace.H*", true, true},
    {"OtherCase", "SingleNamespace.Other*", false, false},
    {"Negative", "-SingleNamespace.Host*", false, false},
    {"NegativeBehind", "SingleNamespace.*-SingleNamespace.Host*", false, false},
    {"NegativeOfAnother", "SingleNamespace.*-*.Other", true, true},
    {"Id", "single-namespace.udp", true, true},
    {"IdPattern", "single-namespace.u*", true, true},
    {"OtherId", "single-namespace.host-route", true, false},
    {"NegativeId", "*:-single-namespace.udp", true, false},
    {"IdPatternBehindADash", "single-namespace.host-*", true, false},
    {"EveryIdPatternBehindADash", "*.host-*:*.u*", true, true},
    {"NegativeIdPatternBehindADash", "*:-single-namespace.host-*", true, true},
    {"UnknownId", "single-namespace.nothing", false, false},
};
INSTANTIATE_TEST_SUITE_P(Rows, SelectionOf, ::testing::ValuesIn(kSelections),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Selection, TellsPatternsThatMatchNothing) {
  const Selection selection("single-namespace.udp:single-namespace.upd:SingleNamespace.*:No.Such-Nor.This",
                            catalogue());
  EXPECT_THAT(selection.unmatched({"SingleNamespace.HostReaches"}),
              ::testing::ElementsAre("single-namespace.upd", "No.Such"));
}

}  // namespace
}  // namespace netns_lab
