#include "harness/conformance/flooding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace netns_lab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const MacAddress kAsker({2, 0, 0, 0, 0, 1});
const MacAddress kOwner({2, 0, 0, 0, 0, 2});
const MacAddress kAll({255, 255, 255, 255, 255, 255});

Sighting sighting(SightingKind kind, std::uint16_t identifier, const MacAddress& to) {
  Sighting made;
  made.network_namespace = "third";
  made.link = "eth0";
  made.kind = kind;
  made.identifier = identifier;
  made.link_source = kAsker;
  made.link_destination = to;
  return made;
}

EchoReport report(std::vector<Sighting> sightings) {
  EchoReport made;
  made.echoes.resize(1);
  made.sightings = std::move(sightings);
  return made;
}

TEST(Flooding, AQuestionToAllIsSeen) {
  const auto ipv4 = report({sighting(SightingKind::kArp, 1, kAll)});
  EXPECT_THAT(question_findings(ipv4, "third", "eth0", kAsker), IsEmpty());
  const auto ipv6 = report({sighting(SightingKind::kNeighbourDiscovery, 135, MacAddress({0x33, 0x33, 0xff, 0, 0, 2}))});
  EXPECT_THAT(question_findings(ipv6, "third", "eth0", kAsker), IsEmpty());
}

struct MissedRow {
  const char* name;
  Sighting seen;
};
void PrintTo(const MissedRow& row, std::ostream* out) { *out << row.name; }
class MissedQuestion : public ::testing::TestWithParam<MissedRow> {};

TEST_P(MissedQuestion, IsAFinding) {
  EXPECT_THAT(question_findings(report({GetParam().seen}), "third", "eth0", kAsker),
              ElementsAre(HasSubstr("no question of 02:00:00:00:00:01")));
}

Sighting changed(Sighting base, const std::function<void(Sighting&)>& change) {
  change(base);
  return base;
}
const Sighting kQuestion = sighting(SightingKind::kArp, 1, kAll);
INSTANTIATE_TEST_SUITE_P(
    Rows, MissedQuestion,
    ::testing::Values(MissedRow{"AnAnswer", sighting(SightingKind::kArp, 2, kAll)},
                      MissedRow{"ToOneOnly", sighting(SightingKind::kArp, 1, kOwner)},
                      MissedRow{"AnEcho", sighting(SightingKind::kRequest, 1, kAll)},
                      MissedRow{"OfSomebodyElse", changed(kQuestion, [](Sighting& s) { s.link_source = kOwner; })},
                      MissedRow{"OnAnotherLink", changed(kQuestion, [](Sighting& s) { s.link = "lo"; })},
                      MissedRow{"SentFromThere",
                                changed(kQuestion, [](Sighting& s) { s.direction = PacketDirection::kSent; })}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Flooding, WhatGoesToAllIsNoFinding) {
  EXPECT_THAT(unicast_findings(report({kQuestion}), "third", "eth0"), IsEmpty());
}

TEST(Flooding, WhatGoesToOneIsOne) {
  const auto leaked = report({kQuestion, sighting(SightingKind::kRequest, 7, kOwner)});
  EXPECT_THAT(unicast_findings(leaked, "third", "eth0"), ElementsAre(HasSubstr("for 02:00:00:00:00:02")));
  EXPECT_THAT(unicast_findings(leaked, "third", "eth1"), IsEmpty());
}

TEST(Flooding, AProbeThatSentNothingProvesNothing) {
  EXPECT_THAT(unicast_findings(EchoReport(), "third", "eth0"), ElementsAre(HasSubstr("nothing is proved")));
}

}  // namespace
}  // namespace netns_lab
