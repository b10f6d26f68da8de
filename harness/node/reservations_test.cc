#include "harness/node/reservations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab::node {
namespace {

using ::testing::HasSubstr;

protocol::ClaimRequest claim_of(std::vector<std::string> namespaces, std::vector<std::string> links = {}) {
  protocol::ClaimRequest claim;
  claim.namespaces = std::move(namespaces);
  claim.links = std::move(links);
  return claim;
}

TEST(Reservations, AreForOneHolderAtATime) {
  Reservations first;
  Reservations second;
  ASSERT_TRUE(first.reserve(claim_of({"netns1"}, {"veth1"})));
  EXPECT_TRUE(first.reserve(claim_of({"netns1"})));
  EXPECT_TRUE(second.reserve(claim_of({"veth1"}))) << "of another kind";
  const auto refused = second.reserve(claim_of({"netns2"}, {"veth1"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kTaken);
  EXPECT_THAT(refused.error().message(), HasSubstr("claim interface veth1: another run of netns-lab"));
  EXPECT_TRUE(first.reserve(claim_of({"netns2"}))) << "whoever is refused holds none of it";
  first.release(claim_of({}, {"veth1"}));
  EXPECT_TRUE(second.reserve(claim_of({}, {"veth1"})));
}

TEST(Reservations, EndWithTheirHolder) {
  { ASSERT_TRUE(Reservations().reserve(claim_of({"netns1"}))); }
  EXPECT_TRUE(Reservations().reserve(claim_of({"netns1"})));
}

TEST(Reservations, TellLongNamesApart) {
  Reservations first;
  Reservations second;
  const std::string name(250, 'n');
  ASSERT_TRUE(first.reserve(claim_of({name + "1"})));
  EXPECT_TRUE(second.reserve(claim_of({name + "2"})));
  EXPECT_FALSE(second.reserve(claim_of({name + "1"})));
}

}  // namespace
}  // namespace netns_lab::node
