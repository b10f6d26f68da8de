#include "harness/conformance/departure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace netns_lab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Departure kWanted = {"eth0", IpAddress::v4(172, 16, 0, 2), 63};

EchoReport report() {
  EchoReport made;
  made.identifier = 7;
  made.echoes.resize(1);
  made.echoes[0].sequence = 1;
  Sighting sighting;
  sighting.link = "eth0";
  sighting.direction = PacketDirection::kSent;
  sighting.kind = SightingKind::kRequest;
  sighting.source = kWanted.source;
  sighting.ttl = 63;
  sighting.identifier = 7;
  sighting.sequence = 1;
  made.sightings = {sighting};
  return made;
}

TEST(Departure, IsSeenAsItShallBe) { EXPECT_THAT(departure_findings(report(), kWanted), IsEmpty()); }

struct Row {
  const char* name;
  std::function<void(EchoReport&)> change;
  const char* says;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
class WrongDeparture : public ::testing::TestWithParam<Row> {};

TEST_P(WrongDeparture, IsAFinding) {
  EchoReport changed = report();
  GetParam().change(changed);
  EXPECT_THAT(departure_findings(changed, kWanted), ElementsAre(HasSubstr(GetParam().says)));
}

const Row kRows[] = {
    {"NothingSent", [](EchoReport& r) { r.echoes.clear(); }, "nothing is proved"},
    {"NeverLeft", [](EchoReport& r) { r.sightings.clear(); }, "left 0 times by eth0"},
    {"LeftTwice", [](EchoReport& r) { r.sightings.push_back(r.sightings[0]); }, "left 2 times"},
    {"OnlyReceived", [](EchoReport& r) { r.sightings[0].direction = PacketDirection::kReceived; }, "left 0 times"},
    {"OfAnotherProbe", [](EchoReport& r) { r.sightings[0].identifier = 8; }, "left 0 times"},
    {"ByAnotherLink", [](EchoReport& r) { r.sightings[0].link = "br0"; }, "left 0 times"},
    {"OtherSource", [](EchoReport& r) { r.sightings[0].source = IpAddress::v4(192, 0, 2, 2); },
     "left eth0 from 192.0.2.2, not from 172.16.0.2"},
    {"OtherTtl", [](EchoReport& r) { r.sightings[0].ttl = 64; }, "with TTL 64, not 63"},
};
INSTANTIATE_TEST_SUITE_P(Rows, WrongDeparture, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Departure, NoneIsNone) {
  EchoReport quiet = report();
  quiet.sightings.clear();
  EXPECT_THAT(no_departure_findings(quiet, "eth0"), IsEmpty());
  EXPECT_THAT(no_departure_findings(report(), "eth0"), ElementsAre(HasSubstr("request 1 left by eth0")));
  EXPECT_THAT(no_departure_findings(EchoReport(), "eth0"), ElementsAre(HasSubstr("nothing is proved")));
}

}  // namespace
}  // namespace netns_lab
