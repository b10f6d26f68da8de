#include "harness/probe/exchange_lanes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <array>

#include "harness/base/deadline.h"
#include "harness/probe/echo_server.h"
#include "harness/probe/socket_address.h"
#include "harness/probe/test_network.h"

namespace netns_lab::probe {
namespace {

using std::chrono::milliseconds;

class ExchangeLanesTest : public testing::Test {
 protected:
  void SetUp() override {
    silent_ = test_socket("far", AF_INET, SOCK_DGRAM, 0).value();
    const SocketAddress any = SocketAddress::of(address("0.0.0.0"));
    ASSERT_EQ(::bind(silent_.get(), any.get(), any.size), 0);
    ServeSpec serve;
    serve.network_namespace = "far";
    serve.address = address(TestPair::kFar);
    server_.emplace(EchoServer::open(test_socket, serve).value());
  }
  ExchangeSpec to_far(std::uint16_t port, milliseconds wait) const {
    ExchangeSpec spec;
    spec.network_namespace = "near";
    spec.destination = address(TestPair::kFar);
    spec.port = port;
    spec.reply_wait = wait;
    spec.watch = {"near", "far"};
    return spec;
  }
  ExchangeSpec answered() const { return to_far(server_->port(), milliseconds(5'000)); }
  // Somebody takes what is sent there, and says nothing.
  ExchangeSpec silent(milliseconds wait) const { return to_far(SocketAddress::local_of(silent_.get()).port(), wait); }
  Result<std::vector<ExchangeReport>> run(const std::vector<ExchangeSpec>& specs, Cancel cancel = {}) {
    ExchangeLanes lanes(first_, test_socket, cancel);
    return lanes.run(specs);
  }

  TestPair pair_;
  UniqueFd silent_;
  std::optional<EchoServer> server_;
  Prober first_{test_socket};
};

TEST_F(ExchangeLanesTest, SilentOnesAreWaitedForBesideEachOther) {
  constexpr milliseconds kWait{1'000};
  const auto begun = Deadline::Clock::now();
  const std::vector<ExchangeSpec> specs(12, silent(kWait));
  const auto reports = run(specs);
  const auto took = Deadline::Clock::now() - begun;
  ASSERT_TRUE(reports) << reports.error();
  ASSERT_EQ(reports->size(), specs.size());
  milliseconds starved{0};
  for (const ExchangeReport& report : *reports) {
    EXPECT_EQ(report.sent, 3U);
    EXPECT_EQ(report.answered, 0U);
    starved = std::max(starved, std::chrono::duration_cast<milliseconds>(report.starved));
  }
  EXPECT_GE(took, kWait);
  EXPECT_LT(took, 3 * kWait + 4 * starved) << "one after the other they take 4.8 s: three have a second, nine 200 ms";
}

TEST_F(ExchangeLanesTest, EachReportIsOfItsExchangeAndSawItsOwnPackets) {
  constexpr milliseconds kWait{200};
  const std::vector<ExchangeSpec> specs = {answered(), silent(kWait), answered(), silent(kWait), answered()};
  const auto reports = run(specs);
  ASSERT_TRUE(reports) << reports.error();
  ASSERT_EQ(reports->size(), specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    SCOPED_TRACE(i);
    const ExchangeReport& report = (*reports)[i];
    const bool is_answered = i % 2 == 0;
    EXPECT_EQ(report.spec.port, specs[i].port);
    EXPECT_EQ(report.answered, is_answered ? 3U : 0U) << report;
    std::size_t arrived = 0;
    for (const Sighting& sighting : report.sightings) {
      if (sighting.kind != SightingKind::kUdp) continue;
      const bool is_own = sighting.identifier == report.source_port || sighting.sequence == report.source_port;
      EXPECT_TRUE(is_own && sighting.payload_intact) << sighting;
      const bool is_arrival = sighting.network_namespace == "far" && sighting.sequence == specs[i].port;
      if (is_arrival && sighting.direction == PacketDirection::kReceived) ++arrived;
    }
    EXPECT_EQ(arrived, 3U) << report;
  }
}

// There are more than are waited for at a time: after three silent ones the rest has less time.
TEST_F(ExchangeLanesTest, MoreThanThereAreLanesAreAllDone) {
  const std::vector<ExchangeSpec> specs(40, silent(milliseconds(250)));
  const auto reports = run(specs);
  ASSERT_TRUE(reports) << reports.error();
  ASSERT_EQ(reports->size(), specs.size());
  for (const ExchangeReport& report : *reports) EXPECT_EQ(report.sent, 3U);
}

TEST_F(ExchangeLanesTest, ACancelEndsAllThatIsWaitedFor) {
  const UniqueFd cancelled(::eventfd(1, EFD_CLOEXEC));
  const auto begun = Deadline::Clock::now();
  const auto reports = run(std::vector<ExchangeSpec>(3, silent(std::chrono::minutes(5))), {.fd = cancelled.get()});
  ASSERT_FALSE(reports);
  EXPECT_EQ(reports.error().kind, ErrorKind::kCancelled);
  EXPECT_LT(Deadline::Clock::now() - begun, std::chrono::minutes(1));
}

TEST_F(ExchangeLanesTest, TheFirstErrorIsTold) {
  ExchangeSpec bad = answered();
  bad.port = 0;
  const auto reports = run({answered(), bad, answered()});
  ASSERT_FALSE(reports);
  EXPECT_EQ(reports.error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace netns_lab::probe
