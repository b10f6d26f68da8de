#include "reports/failure_text.h"

#include <gtest/gtest.h>

#include <ostream>

namespace netns_lab::reports {
namespace {

struct Row {
  const char* name;
  const char* message;
  const char* want;
};
std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

class WithoutCode : public testing::TestWithParam<Row> {};

TEST_P(WithoutCode, SaysWhatWasSeen) { EXPECT_EQ(without_code(GetParam().message), GetParam().want); }

const Row kRows[] = {
    {"Matcher",
     "Value of: lookup(query)\nExpected: is sent out of veth1\n  Actual: via 192.0.2.1 dev eth0 (of type "
     "netns_lab::RouteAnswer), \n- it goes out of eth0",
     "Expected: is sent out of veth1\n  Actual: via 192.0.2.1 dev eth0\n- it goes out of eth0"},
    {"MatcherOfManyLines",
     "Value of: *state(\"\")\nExpected: has a link\n  Actual: the node with the links\n1: lo\n (of type "
     "netns_lab::NamespaceState), \n- no link",
     "Expected: has a link\n  Actual: the node with the links\n1: lo\n- no link"},
    {"Condition", "Value of: build_outcome().succeeded\n  Actual: false\nExpected: true\nsetup.sh exited with status 3",
     "setup.sh exited with status 3"},
    {"ConditionsOneAfterTheOther",
     "Value of: a\n  Actual: false\nExpected: true\nfirst\nValue of: b\n  Actual: true\nExpected: false\nsecond",
     "first\nsecond"},
    {"ConditionOfWhichNothingIsSaid", "Value of: a.ok()\n  Actual: false\nExpected: true",
     "Value of: a.ok()\n  Actual: false\nExpected: true"},
    {"ConditionBeforeAnother", "Value of: a\n  Actual: false\nExpected: true\nValue of: b\nExpected: c\n  Actual: d",
     "Value of: a\n  Actual: false\nExpected: true\nExpected: c\n  Actual: d"},
    {"Equality",
     "Expected equality of these values:\n  inner->mtu\n    Which is: 1400\n  kMtu\n    Which is: 1500\nMTU of veth2",
     "MTU of veth2\nExpected: 1500\n  Actual: 1400"},
    {"EqualityOfWhichNothingIsSaid", "Expected equality of these values:\n  a\n    Which is: 1\n  b\n    Which is: 2",
     "Expected equality of these values:\n  a\n    Which is: 1\n  b\n    Which is: 2"},
    {"Comparison", "Expected: (outer->mac) != (inner->mac), actual: 02::1 vs 02::1\nboth have the same MAC",
     "both have the same MAC\n  Actual: 02::1 vs 02::1"},
    {"ComparisonOfWhichNothingIsSaid", "Expected: (a) > (b), actual: 1 vs 2", "Expected: (a) > (b), actual: 1 vs 2"},
    {"Failed", "Failed\nveth1's peer is elsewhere\nFailed\nveth2's, too", "veth1's peer is elsewhere\nveth2's, too"},
    {"FailedOfWhichNothingIsSaid", "Failed", "Failed"},
    {"Trace", "setup.sh exited with status 1\nGoogle Test trace:\nharness/testing/fixture.cc:74: on node-2\nFailed",
     "setup.sh exited with status 1\non node-2\nFailed"},
    {"TraceThatIsNone", "Google Test trace:\nof what", "Google Test trace:\nof what"},
    {"PlainWords", "rests on single-namespace.host-route, which failed",
     "rests on single-namespace.host-route, which failed"},
    {"Nothing", "", ""},
    {"OnlyAType", "(of type X)", ""},
    {"Parenthesis", "a (of type X) and more", "a (of type X) and more"},
};
INSTANTIATE_TEST_SUITE_P(Rows, WithoutCode, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace netns_lab::reports
