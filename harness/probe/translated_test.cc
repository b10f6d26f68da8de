// Probes whose node gives them another identifier or port by chance (RFC 3022, 2.2): whose a packet is all the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/probe/echo_server.h"
#include "harness/probe/far_watch.h"
#include "harness/probe/prober.h"
#include "harness/probe/test_network.h"
#include "harness/probe/translated_echoes.h"

namespace netns_lab::probe {
namespace {

using testing::Each;
using testing::IsEmpty;
using testing::Property;
using testing::SizeIs;

class Translated : public ::testing::TestWithParam<Family> {
 protected:
  void SetUp() override {
    const auto add = [](const std::vector<std::string>& words) {
      std::vector<std::string> arguments{"ip", "netns", "exec", "near", "nft", "add"};
      arguments.insert(arguments.end(), words.begin(), words.end());
      return run_program(arguments);
    };
    if (add({"table", "inet", "nat"}) != 0)
      GTEST_SKIP() << "nft is not installed (package nftables), or this kernel lacks nf_tables";
    ASSERT_EQ(add({"chain", "inet", "nat", "out", "{ type nat hook postrouting priority 100; }"}), 0);
    // None of these is a number that a probe has here: the kernel's ports begin at 32768.
    ASSERT_EQ(add({"rule", "inet", "nat", "out", "meta l4proto { icmp, ipv6-icmp, tcp, udp }",
                   "masquerade to :1024-2047 fully-random"}),
              0);
  }
  bool v4() const { return GetParam() == Family::kIpv4; }
  IpAddress far() const { return address(v4() ? TestPair::kFar : TestPair::kFar6); }

  EchoReport ping(bool may_be_translated, std::uint32_t size = 56) const {
    Prober prober(test_socket);
    EchoSpec spec;
    spec.network_namespace = "near";
    spec.destination = far();
    spec.payload_size = size;
    spec.watch = {"near", "far"};
    spec.identifier = 4711;
    spec.may_be_translated = may_be_translated;
    return prober.echo(std::vector{spec}).value().front();
  }
  ExchangeReport talk(Transport transport, bool may_be_translated) const {
    const auto server = EchoServer::open(test_socket, {"far", transport, far(), 0});
    Prober prober(test_socket);
    ExchangeSpec spec;
    spec.network_namespace = "near";
    spec.transport = transport;
    spec.destination = far();
    spec.port = server.value().port();
    spec.watch = {"near", "far"};
    spec.may_be_translated = may_be_translated;
    return prober.exchange(spec).value();
  }

 private:
  const TestPair pair_;
};

std::vector<Sighting> only(std::vector<Sighting> sightings, std::initializer_list<SightingKind> kinds) {
  std::erase_if(sightings, [&](const Sighting& sighting) {
    return std::find(kinds.begin(), kinds.end(), sighting.kind) == kinds.end();
  });
  return sightings;
}
std::vector<Sighting> echoes(std::vector<Sighting> sightings) {
  return only(std::move(sightings), {SightingKind::kRequest, SightingKind::kReply});
}
std::ptrdiff_t renumbered(const std::vector<Sighting>& sightings) {
  return std::count_if(sightings.begin(), sightings.end(),
                       [](const Sighting& sighting) { return sighting.sent_as.has_value(); });
}

TEST_P(Translated, EchoesAreKnownByTheirPayload) {
  const EchoReport report = ping(true);
  EXPECT_EQ(report.answered(), 3U);
  const auto seen = echoes(report.sightings);
  ASSERT_THAT(seen, SizeIs(12));  // there and back, at two ends
  EXPECT_THAT(seen, Each(Property(&Sighting::own_identifier, report.identifier)));
  EXPECT_THAT(seen, Each(testing::Field(&Sighting::payload_intact, true)));
  EXPECT_EQ(renumbered(seen), 12);
}

TEST_P(Translated, WhatMayNotBeTranslatedIsNotFollowed) {
  const EchoReport report = ping(false);
  EXPECT_EQ(report.answered(), 3U);
  EXPECT_THAT(echoes(report.sightings), IsEmpty());
}

TEST_P(Translated, APayloadOfLessThanEightBytesTellsNothing) {
  EXPECT_THAT(echoes(ping(true, 7).sightings), IsEmpty());
}

TEST_P(Translated, FarWatchKnowsEchoesByTheirPayload) {
  const auto watch = FarWatch::open(test_socket, {"far"}, 0);
  ASSERT_TRUE(watch) << watch.error();
  const EchoReport report = ping(true);
  FarProbe probe{.identifier = report.identifier,
                 .payload_seed = report.payload_seed,
                 .payload_size = report.spec.payload_size,
                 .count = 0,
                 .may_be_translated = true,
                 .destination = far()};
  const auto seen = echoes((*watch)->take(std::vector{probe}).value().sightings);
  ASSERT_THAT(seen, SizeIs(6));
  EXPECT_THAT(seen, Each(Property(&Sighting::own_identifier, report.identifier)));
  EXPECT_THAT(seen, Each(testing::Field(&Sighting::payload_intact, true)));
  EXPECT_EQ(renumbered(seen), 6);
}

TEST_P(Translated, FarWatchTakesNoOtherPayload) {
  const auto watch = FarWatch::open(test_socket, {"far"}, 0);
  ASSERT_TRUE(watch) << watch.error();
  const EchoReport report = ping(true);
  FarProbe probe{.identifier = report.identifier,
                 .payload_seed = report.payload_seed ^ 1,
                 .payload_size = report.spec.payload_size,
                 .count = 0,
                 .may_be_translated = true,
                 .destination = far()};
  EXPECT_THAT(echoes((*watch)->take(std::vector{probe}).value().sightings), IsEmpty());
}

TEST_P(Translated, ExchangesAreKnownByTheirServer) {
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    const ExchangeReport report = talk(transport, true);
    EXPECT_TRUE(report.payload_intact) << report;
    const auto seen = only(report.sightings, {SightingKind::kUdp, SightingKind::kTcp});
    EXPECT_EQ(renumbered(seen), static_cast<std::ptrdiff_t>(seen.size())) << report;
    if (transport == Transport::kTcp) {
      EXPECT_GE(seen.size(), 12U);  // opened, filled, answered and closed, at two ends
      continue;
    }
    EXPECT_THAT(seen, SizeIs(12));
    EXPECT_THAT(seen, Each(testing::Field(&Sighting::payload_intact, true)));
    EXPECT_THAT(only(talk(transport, false).sightings, {SightingKind::kUdp}), IsEmpty());
  }
}

TEST_P(Translated, FarWatchKnowsExchangesByTheirServer) {
  const auto server = EchoServer::open(test_socket, {"far", Transport::kUdp, far(), 0});
  const auto watch = FarWatch::open(test_socket, {"far"}, server.value().port());
  ASSERT_TRUE(watch) << watch.error();
  Prober prober(test_socket);
  ExchangeSpec spec;
  spec.network_namespace = "near";
  spec.destination = far();
  spec.port = server.value().port();
  const ExchangeReport report = prober.exchange(spec).value();
  FarProbe probe{.identifier = report.source_port,
                 .payload_seed = report.payload_seed,
                 .payload_size = report.spec.payload_size,
                 .count = report.spec.count,
                 .may_be_translated = true,
                 .destination = far()};
  const auto seen = only((*watch)->take(std::vector{probe}).value().sightings, {SightingKind::kUdp});
  ASSERT_THAT(seen, SizeIs(6));
  EXPECT_THAT(seen, Each(testing::Field(&Sighting::sent_as, report.source_port)));
  EXPECT_THAT(seen, Each(testing::Field(&Sighting::payload_intact, true)));
}

INSTANTIATE_TEST_SUITE_P(Families, Translated, ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& row) { return row.param == Family::kIpv4 ? "Ipv4" : "Ipv6"; });

TEST(TranslatedEchoes, AnErrorIsKnownByTheRequestThatItQuotes) {
  const PayloadPattern pattern(7);
  std::vector<std::uint8_t> payload(56);
  pattern.fill(1, payload);
  TranslatedEchoes echoes;
  echoes.add(3, 7, 56);
  Seen request;
  request.sighting.kind = SightingKind::kRequest;
  request.sighting.identifier = 4711;
  request.sighting.sequence = 1;
  request.payload = payload;
  Seen problem;
  problem.sighting.kind = SightingKind::kProblem;
  problem.sighting.identifier = 4711;
  problem.quote.emplace().is_echo_request = true;
  EXPECT_EQ(echoes.owner_of(problem), std::nullopt);
  EXPECT_EQ(echoes.owner_of(request), 3U);
  EXPECT_EQ(echoes.owner_of(problem), 3U);
  // Of another request's payload, or of a part of it, nobody knows.
  request.sighting.sequence = 2;
  EXPECT_EQ(echoes.owner_of(request), std::nullopt);
  request.sighting.sequence = 1;
  request.complete = false;
  EXPECT_EQ(echoes.owner_of(request), std::nullopt);
}

}  // namespace
}  // namespace netns_lab::probe
