#include "harness/testing/requirement_book.h"

#include <gtest/gtest.h>

namespace netns_lab {
namespace {

RequirementBook book() {
  std::vector<Requirement> all(2);
  all[0].id = "s.link";
  all[1].id = "s.ping";
  all[1].rests_on = {"s.link"};
  return RequirementBook(all);
}

TEST(RequirementBook, JudgesWhatRestsOnSomethingThatWasNotJudged) {
  EXPECT_EQ(book().obstacle("s.ping"), std::nullopt);
}

TEST(RequirementBook, JudgesWhatRestsOnAPass) {
  RequirementBook given = book();
  given.record("s.link", Verdict::kPass);
  EXPECT_EQ(given.obstacle("s.ping"), std::nullopt);
}

TEST(RequirementBook, NamesWhatFailed) {
  RequirementBook given = book();
  given.record("s.link", Verdict::kFail);
  EXPECT_EQ(given.obstacle("s.ping"), "rests on s.link, which failed");
}

TEST(RequirementBook, KeepsTheWorstVerdict) {
  RequirementBook given = book();
  given.record("s.link", Verdict::kFail);
  given.record("s.link", Verdict::kPass);
  EXPECT_EQ(given.obstacle("s.ping"), "rests on s.link, which failed");
}

TEST(RequirementBook, ForgetsForAFurtherRepetition) {
  RequirementBook given = book();
  given.record("s.link", Verdict::kSkip);
  EXPECT_EQ(given.obstacle("s.ping"), "rests on s.link, which was skipped");
  given.forget();
  EXPECT_EQ(given.obstacle("s.ping"), std::nullopt);
}

TEST(RequirementBook, NamesWhatNobodyHasJudged) {
  RequirementBook given = book();
  EXPECT_EQ(given.unjudged_bases("s.ping"), std::vector<std::string>{"s.link"});
  given.record("s.link", Verdict::kPass);
  EXPECT_EQ(given.unjudged_bases("s.ping"), std::vector<std::string>{});
}

TEST(RequirementBook, FindsNoUnknownRequirement) { EXPECT_EQ(book().find("s.other"), nullptr); }

}  // namespace
}  // namespace netns_lab
