#include "harness/probe/prober.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/probe/echo_server.h"
#include "harness/probe/test_network.h"

namespace netns_lab::probe {
namespace {

using testing::SizeIs;

struct SizeRow {
  std::string name;
  std::string destination;
  std::uint32_t size = 56;
  bool dont_fragment = false;
  int refused = 0;
  std::uint32_t fragments = 1;
  std::uint32_t count = 3;  // more than 256 at once are a flood
};

class Sizes : public testing::TestWithParam<SizeRow> {};

TEST_P(Sizes, AreAnsweredAndSeenOrRefusedHere) {
  const TestPair pair;
  Prober prober(test_socket);
  const SizeRow& row = GetParam();
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(row.destination);
  spec.interval = std::chrono::microseconds(0);
  spec.payload_size = row.size;
  spec.count = row.count;
  spec.dont_fragment = row.dont_fragment;
  spec.watch = {"near", "far"};
  const auto reports = prober.echo(std::vector{spec});
  ASSERT_TRUE(reports) << reports.error();
  const EchoReport& report = reports->at(0);
  ASSERT_THAT(report.echoes, SizeIs(row.count));
  EXPECT_EQ(report.capture_drops, 0U);
  std::uint32_t intact = 0;
  for (const Echo& echo : report.echoes) {
    EXPECT_EQ(echo.send_errno, row.refused);
    ASSERT_EQ(echo.reply.has_value(), row.refused == 0) << echo.sequence;
    if (!echo.reply) continue;
    EXPECT_TRUE(echo.reply->payload_intact);
    EXPECT_EQ(echo.reply->payload_size, row.size);
    EXPECT_EQ(echo.reply->source, spec.destination);
    EXPECT_EQ(echo.reply->arrival_link, "left");
    EXPECT_EQ(echo.reply->ttl, 64);
    EXPECT_GT(echo.reply->round_trip.count(), 0);
    EXPECT_LT(echo.reply->round_trip, std::chrono::milliseconds(100));
  }
  for (const Sighting& sighting : report.sightings) {
    if (sighting.kind != SightingKind::kRequest && sighting.kind != SightingKind::kReply) continue;
    EXPECT_EQ(sighting.fragments, row.fragments);
    intact += sighting.payload_intact ? 1 : 0;
  }
  EXPECT_EQ(intact, row.refused == 0 ? 4 * row.count : 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Both, Sizes,
    testing::ValuesIn(std::vector<SizeRow>{
        {.name = "Ipv4Empty", .destination = TestPair::kFar, .size = 0},
        {.name = "Ipv4Usual", .destination = TestPair::kFar},
        {.name = "Ipv4AsLargeAsTheLinkTakes", .destination = TestPair::kFar, .size = 1472, .dont_fragment = true},
        {.name = "Ipv4OneByteTooLarge",
         .destination = TestPair::kFar,
         .size = 1473,
         .dont_fragment = true,
         .refused = EMSGSIZE},
        {.name = "Ipv4Fragmented", .destination = TestPair::kFar, .size = 3000, .fragments = 3},
        {.name = "Ipv4Largest", .destination = TestPair::kFar, .size = 65507, .fragments = 45},
        {.name = "Ipv4Flood", .destination = TestPair::kFar, .count = 600},
        {.name = "Ipv4FloodInFragments", .destination = TestPair::kFar, .size = 3000, .fragments = 3, .count = 300},
        {.name = "Ipv4FloodTooLarge",
         .destination = TestPair::kFar,
         .size = 1473,
         .dont_fragment = true,
         .refused = EMSGSIZE,
         .count = 300},
        {.name = "Ipv6Flood", .destination = TestPair::kFar6, .count = 600},
        {.name = "Ipv6Empty", .destination = TestPair::kFar6, .size = 0},
        {.name = "Ipv6Usual", .destination = TestPair::kFar6},
        {.name = "Ipv6AsLargeAsTheLinkTakes", .destination = TestPair::kFar6, .size = 1452, .dont_fragment = true},
        {.name = "Ipv6OneByteTooLarge",
         .destination = TestPair::kFar6,
         .size = 1453,
         .dont_fragment = true,
         .refused = EMSGSIZE},
        {.name = "Ipv6Fragmented", .destination = TestPair::kFar6, .size = 3000, .fragments = 3},
        {.name = "Ipv6Largest", .destination = TestPair::kFar6, .size = 65507, .fragments = 46},
    }),
    [](const auto& row) { return row.param.name; });

// A queue that takes nothing: the kernel says ENOBUFS for ever, though the socket can be written to.
TEST(FullQueue, IsARefusal) {
  const TestPair pair;
  ASSERT_EQ(run_program({"ip", "-n", "near", "neighbour", "replace", TestPair::kFar6, "lladdr", "02:00:00:00:00:01",
                         "dev", "left", "nud", "permanent"}),
            0);
  ASSERT_EQ(run_program({"tc", "-n", "near", "qdisc", "add", "dev", "left", "root", "pfifo", "limit", "0"}), 0);
  Prober prober(test_socket);
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(TestPair::kFar6);
  spec.interval = std::chrono::microseconds(0);
  const auto reports = prober.echo(std::vector{spec});
  ASSERT_TRUE(reports) << reports.error();
  ASSERT_THAT(reports->at(0).echoes, SizeIs(3));
  for (const Echo& echo : reports->at(0).echoes) EXPECT_EQ(echo.send_errno, ENOBUFS);
}

struct ExchangeRow {
  std::string name;
  Transport transport = Transport::kUdp;
  std::string address;
  std::uint32_t size = 512;
};
class Exchanges : public testing::TestWithParam<ExchangeRow> {};

TEST_P(Exchanges, ComeBackIntactAndAreSeen) {
  const TestPair pair;
  Prober prober(test_socket);
  const ExchangeRow& row = GetParam();
  const auto server = EchoServer::open(
      test_socket, ServeSpec{.network_namespace = "far", .transport = row.transport, .address = address(row.address)});
  ASSERT_TRUE(server) << server.error();
  ExchangeSpec spec;
  spec.network_namespace = "near";
  spec.transport = row.transport;
  spec.destination = address(row.address);
  spec.port = server->port();
  spec.payload_size = row.size;
  spec.watch = {"near", "far"};
  const auto report = prober.exchange(spec);
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->system_errno, 0);
  EXPECT_EQ(report->sent, row.transport == Transport::kUdp ? 3U : row.size);
  EXPECT_EQ(report->answered, report->sent);
  EXPECT_TRUE(report->payload_intact);
  EXPECT_EQ(report->capture_drops, 0U);
  EXPECT_FALSE(report->sightings.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Both, Exchanges,
    testing::ValuesIn(std::vector<ExchangeRow>{
        {.name = "UdpIpv4", .address = TestPair::kFar},
        {.name = "UdpIpv4Empty", .address = TestPair::kFar, .size = 0},
        {.name = "UdpIpv4Largest", .address = TestPair::kFar, .size = 65507},
        {.name = "UdpIpv6", .address = TestPair::kFar6},
        {.name = "TcpIpv4", .transport = Transport::kTcp, .address = TestPair::kFar},
        {.name = "TcpIpv4Empty", .transport = Transport::kTcp, .address = TestPair::kFar, .size = 1},
        {.name = "TcpIpv4AMegabyte", .transport = Transport::kTcp, .address = TestPair::kFar, .size = 1 << 20},
        {.name = "TcpIpv6", .transport = Transport::kTcp, .address = TestPair::kFar6},
    }),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab::probe
