#include "harness/node/claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace netns_lab::node {
namespace {

using protocol::ClaimRequest;
using testing::HasSubstr;
using namespace std::chrono_literals;

ClaimRequest names(std::vector<std::string> namespaces, std::vector<std::string> links,
                   std::vector<Prefix> addresses = {}) {
  return {
      .namespaces = std::move(namespaces), .links = std::move(links), .addresses = std::move(addresses), .keep = false};
}
Prefix prefix(const char* text) { return Prefix::parse(text).value(); }

class ClaimsTest : public testing::Test {
 protected:
  ClaimsTest() {
    claims_.enter(1, [this] { return first_is_ending_.load(); });
    claims_.enter(2, [] { return false; });
  }
  Result<void> claim(SessionNumber session, const ClaimRequest& wanted, Deadline deadline = Deadline::after(10s)) {
    return claims_.claim(session, wanted, in_use_, deadline, cancellation_);
  }
  Claims claims_;
  std::atomic<bool> first_is_ending_{false};
  Cancellation cancellation_;
  InUseCheck in_use_ = [](const ClaimRequest&) -> Result<void> { return {}; };
};

struct ConflictCase {
  const char* name;
  ClaimRequest held;
  ClaimRequest wanted;
  const char* message;
};
class ClaimConflict : public ClaimsTest, public testing::WithParamInterface<ConflictCase> {};

TEST_P(ClaimConflict, IsTakenAndNamesTheThing) {
  ASSERT_TRUE(claim(1, GetParam().held).has_value());
  const auto second = claim(2, GetParam().wanted);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::kTaken);
  EXPECT_THAT(second.error().message(), HasSubstr(GetParam().message));
  EXPECT_THAT(second.error().message(), HasSubstr("session 1"));
  EXPECT_EQ(claims_.of(2), ClaimRequest()) << "nothing may be claimed";
}

INSTANTIATE_TEST_SUITE_P(
    Things, ClaimConflict,
    testing::Values(ConflictCase{"Namespace", names({"a", "netns1"}, {}), names({"netns1"}, {"x"}), "namespace netns1"},
                    ConflictCase{"Link", names({}, {"veth1"}), names({"b"}, {"veth1"}), "link veth1"},
                    ConflictCase{"Address", names({}, {}, {prefix("10.0.0.1/32")}),
                                 names({}, {}, {prefix("10.0.0.1/32")}), "10.0.0.1/32"},
                    ConflictCase{"AddressInsidePrefix", names({}, {}, {prefix("10.0.0.0/24")}),
                                 names({}, {}, {prefix("10.0.0.7/32")}), "10.0.0.7/32"},
                    ConflictCase{"PrefixAroundAddress", names({}, {}, {prefix("fd00::7/128")}),
                                 names({}, {}, {prefix("fd00::/64")}), "fd00::/64"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(ClaimsTest, OthersNamesAreNoConflict) {
  ASSERT_TRUE(claim(1, names({"netns1"}, {"veth1"}, {prefix("10.0.0.1/32")})).has_value());
  EXPECT_TRUE(claim(2, names({"netns2"}, {"veth2"}, {prefix("10.0.0.2/32")})).has_value());
}

TEST_F(ClaimsTest, WhatIsInUseOnTheNodeIsNotClaimed) {
  in_use_ = [](const ClaimRequest&) -> Result<void> { return tl::unexpected(Error::taken("claim", "in use")); };
  EXPECT_FALSE(claim(1, names({"netns1"}, {})).has_value());
  EXPECT_EQ(claims_.of(1), ClaimRequest());
}

TEST_F(ClaimsTest, ClaimingOnceMoreLooksUpOnlyWhatIsNewAndTakesKeepOver) {
  ASSERT_TRUE(claim(1, names({"netns1"}, {"veth1"})).has_value());
  ClaimRequest looked_up;
  in_use_ = [&](const ClaimRequest& wanted) -> Result<void> {
    looked_up = wanted;
    return {};
  };
  ClaimRequest again = names({"netns1", "netns2"}, {"veth1"});
  again.keep = true;
  ASSERT_TRUE(claim(1, again).has_value());
  EXPECT_EQ(looked_up.namespaces, std::vector<std::string>{"netns2"});
  EXPECT_TRUE(looked_up.links.empty());
  EXPECT_EQ(claims_.of(1), again);
}

TEST_F(ClaimsTest, WaitsForASessionThatIsEnding) {
  ASSERT_TRUE(claim(1, names({"netns1"}, {})).has_value());
  first_is_ending_ = true;
  std::thread ending([this] { claims_.leave(1); });
  const auto second = claim(2, names({"netns1"}, {}));
  ending.join();
  EXPECT_TRUE(second.has_value()) << second.error();
}

TEST_F(ClaimsTest, WaitsNoLongerThanItsDeadline) {
  ASSERT_TRUE(claim(1, names({"netns1"}, {})).has_value());
  first_is_ending_ = true;
  const auto second = claim(2, names({"netns1"}, {}), Deadline::after(5ms));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::kTimeout);
}

TEST_F(ClaimsTest, WaitsNoLongerThanItIsWanted) {
  ASSERT_TRUE(claim(1, names({"netns1"}, {})).has_value());
  first_is_ending_ = true;
  cancellation_.request();
  const auto second = claim(2, names({"netns1"}, {}));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::kCancelled);
}

class BadLinkName : public testing::TestWithParam<std::pair<const char*, std::string>> {};
TEST_P(BadLinkName, IsInvalid) {
  const auto checked = check_link_name(GetParam().second);
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
}
INSTANTIATE_TEST_SUITE_P(Names, BadLinkName,
                         testing::Values(std::pair{"Empty", std::string()}, std::pair{"Long", std::string(16, 'x')},
                                         std::pair{"Slash", std::string("a/b")}, std::pair{"Blank", std::string("a b")},
                                         std::pair{"Dots", std::string("..")}),
                         [](const auto& row) { return std::string(row.param.first); });

TEST(LinkName, OfFifteenBytesIsFine) { EXPECT_TRUE(check_link_name(std::string(15, 'x')).has_value()); }

}  // namespace
}  // namespace netns_lab::node
