#include "harness/testing/claim_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace netns_lab {
namespace {

using testing::ElementsAre;

Requirement claim(const char* id, std::vector<std::string> rests_on = {}) {
  Requirement made;
  made.id = id;
  made.rests_on = std::move(rests_on);
  return made;
}

// A case and the requirements it names, in GoogleTest's order.
using Cases = std::vector<std::pair<std::string, std::vector<std::string>>>;

std::vector<std::string> judged(ClaimOrder& order, const Cases& cases, int round = 0) {
  std::vector<std::string> names;
  for (int pass = 0; pass < order.passes(); ++pass) {
    order.begin(round * order.passes() + pass);
    for (const auto& [name, ids] : cases) {
      if (order.is_done(name)) continue;
      if (std::any_of(ids.begin(), ids.end(), [&](const std::string& id) { return order.must_wait(name, id); }))
        continue;
      order.end(name);
      names.push_back(name);
    }
  }
  return names;
}

struct Row {
  const char* name;
  bool shuffled;
  Cases given;
  std::vector<std::string> want;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Order : public testing::TestWithParam<Row> {};

TEST_P(Order, JudgesNothingBeforeWhatItRestsOn) {
  const RequirementBook book({claim("a"), claim("b", {"a"}), claim("c", {"b"}), claim("d", {"c"}), claim("z")});
  ClaimOrder order(book, GetParam().shuffled);
  for (const int round : {0, 1}) EXPECT_THAT(judged(order, GetParam().given, round), testing::Eq(GetParam().want));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Order,
    testing::Values(Row{"AsInTheFile", false, {{"C", {"c"}}, {"A", {"a"}}}, {"C", "A"}},
                    Row{"Chain", true, {{"D", {"d"}}, {"C", {"c"}}, {"B", {"b"}}, {"A", {"a"}}}, {"A", "B", "C", "D"}},
                    Row{"OrderOfTheRestIsKept", true, {{"Z", {"z"}}, {"B", {"b"}}, {"A", {"a"}}}, {"Z", "A", "B"}},
                    Row{"BaseLeftOut", true, {{"C", {"c"}}, {"B", {"b"}}}, {"B", "C"}},
                    Row{"MiddleLeftOut", true, {{"D", {"d"}}, {"B", {"b"}}}, {"B", "D"}},
                    Row{"SeveralCasesOfABase",
                        true,
                        {{"C", {"c"}}, {"B1", {"b"}}, {"A1", {"a"}}, {"B2", {"b"}}, {"A2", {"a"}}},
                        {"A1", "A2", "B1", "B2", "C"}},
                    Row{"TwoClaimsOfOneCase", true, {{"CD", {"c", "d"}}, {"B", {"b"}}}, {"B", "CD"}},
                    Row{"Unknown", true, {{"X", {"x"}}, {"A", {"a"}}}, {"X", "A"}}),
    [](const auto& row) { return row.param.name; });

TEST(ClaimOrder, HasAnEndWhereClaimsRestOnEachOther) {
  const RequirementBook book({claim("a", {"b"}), claim("b", {"a"})});
  ClaimOrder order(book, true);
  EXPECT_THAT(judged(order, {{"A", {"a"}}, {"B", {"b"}}}), ElementsAre("A", "B"));
}

}  // namespace
}  // namespace netns_lab
