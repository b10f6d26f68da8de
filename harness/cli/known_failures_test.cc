#include "harness/cli/known_failures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "harness/cli/command_under_test.h"

namespace netns_lab::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr auto kRoute = "single-namespace.no-other-routes";

std::string broken_target() {
  return "script:" + CommandUnderTest::fixture("broken/single-namespace/extra-route-on-the-node");
}

class KnownFailuresOption : public testing::Test {
 protected:
  Ran judge(const std::string& target, const std::string& list) {
    const std::string path = command_.write("known-failures", list);
    return command_.run({"test", "single-namespace", "--target", target, "--filter", kRoute, "--known-failures", path});
  }
  CommandUnderTest command_;
};

TEST_F(KnownFailuresOption, AFailureThatIsListedDoesNotFailTheRun) {
  const Ran ran = judge(broken_target(), std::string("# of old\n\n") + kRoute + "   # issue 12: a route too many\n");
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.output, AllOf(HasSubstr("1 known failure"), HasSubstr("issue 12: a route too many")));
  EXPECT_THAT(command_.report_lines("<failure"), IsEmpty());
  EXPECT_THAT(command_.report("junit.xml"), HasSubstr("issue 12: a route too many"));
}

TEST_F(KnownFailuresOption, AListedFailureThatPassesIsAFail) {
  const Ran ran =
      judge("script:" + CommandUnderTest::fixture("scenarios/single-namespace"), std::string(kRoute) + " # issue 12\n");
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_THAT(ran.output, HasSubstr("listed as a known failure: issue 12"));
}

TEST_F(KnownFailuresOption, WhatIsListedOfAnotherTargetIsNotExcused) {
  const Ran ran = judge(broken_target(), std::string(kRoute) + " native # issue 12\n");
  EXPECT_EQ(ran.status, 1) << ran;
}

TEST_F(KnownFailuresOption, WhatIsListedOfThisTargetIs) {
  const Ran ran = judge(broken_target(), std::string(kRoute) + " " + broken_target() + " # issue 12\n");
  EXPECT_EQ(ran.status, 0) << ran;
}

struct BadList {
  std::string name;
  std::string text;
  std::vector<std::string> says;
};
std::ostream& operator<<(std::ostream& out, const BadList& row) { return out << row.name; }

class RefusedKnownFailures : public testing::TestWithParam<BadList> {};

TEST_P(RefusedKnownFailures, IsToldInOneLine) {
  CommandUnderTest command;
  const std::string path = command.write("list", GetParam().text);
  const Ran ran = command.run({"test", "single-namespace", "--known-failures", path});
  EXPECT_EQ(ran.status, 2) << ran;
  EXPECT_THAT(ran.output, IsEmpty());
  EXPECT_EQ(std::count(ran.errors.begin(), ran.errors.end(), '\n'), 1) << ran.errors;
  for (const std::string& word : GetParam().says) EXPECT_THAT(ran.errors, HasSubstr(word));
}

INSTANTIATE_TEST_SUITE_P(
    Command, RefusedKnownFailures,
    testing::Values(
        BadList{"UnknownRequirement",
                "# one\nsingle-namespace.host-rout # x\n",
                {"list:2", "did you mean single-namespace.host-route?"}},
        BadList{"NoReason", "single-namespace.host-route\n", {"list:1", "without a reason", "# reason"}},
        BadList{"EmptyReason", "single-namespace.host-route native #  \n", {"list:1", "without a reason"}},
        BadList{"ReasonStuckToTheId", "single-namespace.host-route# x\n", {"list:1", "no requirement"}},
        BadList{"Twice", "single-namespace.host-route # x\nsingle-namespace.host-route # y\n", {"list:2", "in line 1"}},
        BadList{"Binary", std::string("\x7f\0ELF\x1b", 6), {"list:1", "\\x7F"}},
        BadList{"TooLong", std::string(2'000'000, '\n'), {"more than"}}),
    [](const testing::TestParamInfo<BadList>& row) { return row.param.name; });

TEST(KnownFailures, RefusesAFileThatIsMissing) {
  CommandUnderTest command;
  const Ran ran = command.run({"test", "--known-failures", "nosuch"});
  EXPECT_EQ(ran.status, 2) << ran;
  EXPECT_THAT(ran.errors, AllOf(HasSubstr("--known-failures nosuch"), HasSubstr("ENOENT")));
}

TEST(KnownFailures, OfATargetGoBeforeThoseOfEveryOne) {
  const std::vector<KnownFailure> known{
      {"a", "native", "its own", 1}, {"a", "", "of all", 2}, {"b", "script:x", "x", 3}};
  EXPECT_THAT(of_target(known, "native"), ElementsAre(Pair("a", "its own")));
  EXPECT_THAT(of_target(known, "script:x"), ElementsAre(Pair("a", "of all"), Pair("b", "x")));
}

}  // namespace
}  // namespace netns_lab::cli
