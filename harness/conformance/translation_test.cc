#include "harness/conformance/translation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint8_t kTcp = 6, kUdp = 17, kIcmp = 1;
const IpAddress kOutside = IpAddress::v4(192, 0, 2, 1);
const IpAddress kNode = IpAddress::v4(192, 0, 2, 2);
const IpAddress kBridge = IpAddress::v4(172, 16, 0, 1);
const IpAddress kContainer = IpAddress::v4(172, 16, 0, 2);
const Endpoint kMapped{kNode, 8080};
const Endpoint kServer{kContainer, 80};
const Endpoint kClient{kOutside, 40'000};

Translation want() {
  Translation made;
  made.transport = Transport::kTcp;
  made.client = "the outside";
  made.place = "veth11 (netns1)";
  made.mapped = kMapped;
  made.server = kServer;
  made.sources = {kOutside, kBridge};
  return made;
}

IpHeader packet(const Endpoint& from, const Endpoint& to, std::uint8_t protocol = kTcp) {
  IpHeader made;
  made.source = from.address;
  made.destination = to.address;
  made.protocol = protocol;
  made.identifier = from.port;
  made.sequence = to.port;
  return made;
}

TEST(Translation, ArrivalsAreThoseOfTheTransportForTheServersAddress) {
  IpHeader piece = packet(kClient, kServer);
  piece.is_fragment = true;
  const std::vector<IpHeader> packets = {packet(kClient, kServer), packet(kServer, kClient),
                                         packet(kClient, kServer, kUdp), packet(kClient, kMapped), piece};
  EXPECT_THAT(arrivals(packets, Transport::kTcp, kContainer, kMapped), SizeIs(1));
  EXPECT_THAT(arrivals(packets, Transport::kUdp, kContainer, kMapped), SizeIs(1));
}

TEST(Translation, AnswersToAClientAtTheServersAddressAreNoArrivals) {
  const Endpoint own{kContainer, 40'000};
  const std::vector<IpHeader> packets = {packet(own, kMapped), packet({kBridge, 40'000}, kServer),
                                         packet(kMapped, own)};
  const auto arrived = arrivals(packets, Transport::kTcp, kContainer, kMapped);
  ASSERT_THAT(arrived, SizeIs(1));
  EXPECT_EQ(arrived.front().source, kBridge);
}

TEST(Translation, WhatArrivesAsDeclaredIsNoFinding) {
  const std::vector<IpHeader> arrived = {packet(kClient, kServer), packet({kBridge, 1}, kServer)};
  EXPECT_THAT(destination_findings(arrived, want()), IsEmpty());
  EXPECT_THAT(source_findings(arrived, want()), IsEmpty());
}

TEST(Translation, AnotherPortOfTheServerIsTold) {
  const std::vector<IpHeader> arrived(2, packet(kClient, {kContainer, 81}));
  EXPECT_THAT(destination_findings(arrived, want()),
              ElementsAre(HasSubstr("addressed to 172.16.0.2 port 81, not to 172.16.0.2 port 80")));
}

TEST(Translation, AnotherSourceIsTold) {
  EXPECT_THAT(source_findings({packet({kNode, 40'000}, kServer)}, want()),
              ElementsAre(HasSubstr("from 192.0.2.2, not from 192.0.2.1 or 172.16.0.1")));
}

TEST(Translation, NothingAtAllIsAFinding) {
  const auto nothing = HasSubstr("nothing of it arrives at veth11 (netns1)");
  EXPECT_THAT(destination_findings({}, want()), ElementsAre(nothing));
  EXPECT_THAT(source_findings({}, want()), ElementsAre(nothing));
  EXPECT_THAT(answer_findings({}, kClient, want()), ElementsAre(HasSubstr("no answer is seen")));
  EXPECT_THAT(error_findings({}, kOutside, kNode, want()), ElementsAre(HasSubstr("no error is seen")));
}

TEST(Translation, AnAnswerFromElsewhereIsTold) {
  const std::vector<IpHeader> packets = {packet(kClient, kMapped), packet(kMapped, kClient)};
  EXPECT_THAT(answer_findings(packets, kClient, want()), IsEmpty());
  EXPECT_THAT(answer_findings({packet(kServer, kClient)}, kClient, want()),
              ElementsAre(HasSubstr("is answered by 172.16.0.2 port 80")));
}

TEST(Translation, AnErrorThatWasNotTranslatedBackIsTold) {
  IpHeader error;
  error.protocol = kIcmp;
  error.is_error = true;
  error.source = kNode;
  error.destination = kOutside;
  EXPECT_THAT(error_findings({error}, kOutside, kNode, want()), IsEmpty());
  error.source = kContainer;
  EXPECT_THAT(error_findings({error}, kOutside, kNode, want()),
              ElementsAre(HasSubstr("told by 172.16.0.2, not by 192.0.2.2")));
}

}  // namespace
}  // namespace netns_lab
