// Exchanges that go wrong, and servers that lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <thread>

#include "harness/probe/echo_server.h"
#include "harness/probe/prober.h"
#include "harness/probe/socket_address.h"
#include "harness/probe/test_network.h"

namespace netns_lab::probe {
namespace {

using testing::Each;
using testing::Field;
using testing::SizeIs;

ExchangeSpec to_far(Transport transport, std::uint16_t port) {
  ExchangeSpec spec;
  spec.network_namespace = "near";
  spec.transport = transport;
  spec.destination = address(TestPair::kFar);
  spec.port = port;
  spec.reply_wait = std::chrono::milliseconds(200);
  return spec;
}

ExchangeReport report_of(const ExchangeSpec& spec) {
  Prober prober(test_socket);
  auto report = prober.exchange(spec);
  if (!report) throw std::runtime_error(report.error().message());
  return std::move(*report);
}

// Answers datagrams in namespace "far" with what a function makes of them.
class LyingServer {
 public:
  using Answer = std::function<std::vector<std::string>(std::string)>;
  explicit LyingServer(Answer answer) : answer_(std::move(answer)), stop_(::eventfd(0, EFD_CLOEXEC)) {
    socket_ = test_socket("far", AF_INET, SOCK_DGRAM, 0).value();
    const SocketAddress any = SocketAddress::of(address("0.0.0.0"));
    ::bind(socket_.get(), any.get(), any.size);
    thread_ = std::thread([this] { run(); });
  }
  LyingServer(const LyingServer&) = delete;
  LyingServer& operator=(const LyingServer&) = delete;
  ~LyingServer() {
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  std::uint16_t port() const { return SocketAddress::local_of(socket_.get()).port(); }

 private:
  void run() {
    for (;;) {
      pollfd waits[] = {{stop_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}};
      ::poll(waits, 2, -1);
      if (waits[0].revents != 0) return;
      std::string datagram(65'536, '\0');
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      const ssize_t received =
          ::recvfrom(socket_.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (received < 0) continue;
      datagram.resize(static_cast<std::size_t>(received));
      for (const std::string& reply : answer_(datagram)) {
        ::sendto(socket_.get(), reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
      }
    }
  }
  Answer answer_;
  UniqueFd stop_;
  UniqueFd socket_;
  std::thread thread_;
};

struct Lie {
  std::string name;
  LyingServer::Answer answer;
  std::uint32_t answered;
  bool intact;
};
class DatagramServer : public testing::TestWithParam<Lie> {};

TEST_P(DatagramServer, IsFoundOut) {
  const TestPair pair;
  const LyingServer server(GetParam().answer);
  ExchangeSpec spec = to_far(Transport::kUdp, server.port());
  spec.watch = {"far"};
  const ExchangeReport report = report_of(spec);
  EXPECT_EQ(report.sent, 3U);
  EXPECT_EQ(report.answered, GetParam().answered);
  EXPECT_EQ(report.payload_intact, GetParam().intact);
}

std::vector<std::string> flipped(std::string datagram) {
  datagram.back() = static_cast<char>(datagram.back() ^ 1);
  return {datagram};
}

INSTANTIATE_TEST_SUITE_P(
    That, DatagramServer,
    testing::Values(Lie{"TellsTheTruth", [](std::string datagram) { return std::vector{datagram}; }, 3, true},
                    Lie{"ChangesTheLastByte", flipped, 3, false},
                    Lie{"CutsTheEnd", [](std::string datagram) { return std::vector{datagram.substr(1)}; }, 3, false},
                    Lie{"SaysNothing", [](std::string) { return std::vector<std::string>{}; }, 0, false}),
    [](const auto& row) { return row.param.name; });

TEST(Exchange, SeesEachDatagramArriveAndLeaveIntact) {
  const TestPair pair;
  const auto server = EchoServer::open(
      test_socket, ServeSpec{.network_namespace = "far", .transport = Transport::kUdp, .address = address("10.0.0.2")});
  ASSERT_TRUE(server) << server.error();
  ExchangeSpec spec = to_far(Transport::kUdp, server->port());
  spec.payload_size = 4000;
  spec.watch = {"near", "far"};
  const ExchangeReport report = report_of(spec);
  std::vector<Sighting> datagrams;
  for (const Sighting& sighting : report.sightings) {
    if (sighting.kind == SightingKind::kUdp) datagrams.push_back(sighting);
  }
  EXPECT_THAT(datagrams, SizeIs(12));
  EXPECT_THAT(datagrams, Each(Field(&Sighting::payload_intact, true)));
  EXPECT_THAT(datagrams, Each(Field(&Sighting::fragments, 3U)));
  EXPECT_EQ(report.source, address(TestPair::kNear));
}

TEST(Exchange, IsSentFromThePortThatWasAskedFor) {
  const TestPair pair;
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    const auto server = EchoServer::open(
        test_socket, ServeSpec{.network_namespace = "far", .transport = transport, .address = address("10.0.0.2")});
    ASSERT_TRUE(server) << server.error();
    ExchangeSpec spec = to_far(transport, server->port());
    spec.source_port = 40'123;
    const ExchangeReport report = report_of(spec);
    EXPECT_TRUE(report.payload_intact) << report;
    EXPECT_EQ(report.source_port, 40'123);
  }
}

struct Refusal {
  std::string name;
  Transport transport;
  std::string destination;
  int system_errno;
};
class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, ExchangeSaysSo) {
  const TestPair pair;
  ExchangeSpec spec = to_far(GetParam().transport, 9999);
  spec.destination = address(GetParam().destination);
  const ExchangeReport report = report_of(spec);
  EXPECT_EQ(report.system_errno, GetParam().system_errno);
  EXPECT_EQ(report.answered, 0U);
  EXPECT_FALSE(report.payload_intact);
}
INSTANTIATE_TEST_SUITE_P(By, Refused,
                         testing::Values(Refusal{"UdpClosedPort", Transport::kUdp, TestPair::kFar, ECONNREFUSED},
                                         Refusal{"TcpClosedPort", Transport::kTcp, TestPair::kFar, ECONNREFUSED},
                                         Refusal{"TcpAbsentPeer", Transport::kTcp, "10.0.0.99", ETIMEDOUT},
                                         Refusal{"UdpNoRoute", Transport::kUdp, "192.0.2.1", ENETUNREACH},
                                         Refusal{"TcpNoRoute", Transport::kTcp, "192.0.2.1", ENETUNREACH}),
                         [](const auto& row) { return row.param.name; });

TEST(EchoServer, RefusesAnAddressThatIsNotThere) {
  const TestPair pair;
  const auto server =
      EchoServer::open(test_socket, ServeSpec{.network_namespace = "far", .address = address("10.9.9.9")});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().system_errno, EADDRNOTAVAIL);
}

TEST(EchoServer, LetsGoOfItsPortWithItsOwner) {
  const TestPair pair;
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    for (int turn = 0; turn < 2; ++turn) {
      const auto server = EchoServer::open(
          test_socket,
          ServeSpec{.network_namespace = "far", .transport = transport, .address = address("10.0.0.2"), .port = 7});
      ASSERT_TRUE(server) << server.error();
      const ExchangeReport report = report_of(to_far(transport, 7));
      EXPECT_GT(report.answered, 0U);
      EXPECT_TRUE(report.payload_intact);
    }
  }
}

TEST(EchoServer, AnswersOnlyWhomItIsToldTo) {
  const TestPair pair;
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    for (const char* known : {TestPair::kNear, "10.0.0.77"}) {
      const auto server = EchoServer::open(test_socket, ServeSpec{.network_namespace = "far",
                                                                  .transport = transport,
                                                                  .address = address(TestPair::kFar),
                                                                  .only_from = address(known)});
      ASSERT_TRUE(server) << server.error();
      const ExchangeReport report = report_of(to_far(transport, server->port()));
      EXPECT_EQ(report.answered > 0, address(known) == address(TestPair::kNear)) << known;
    }
  }
}

TEST(Exchange, HasThePortThatIsAskedFor) {
  const TestPair pair;
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    const auto server = EchoServer::open(
        test_socket, ServeSpec{.network_namespace = "far", .transport = transport, .address = address(TestPair::kFar)});
    ASSERT_TRUE(server) << server.error();
    ExchangeSpec spec = to_far(transport, server->port());
    spec.source_port = 40'001;
    const ExchangeReport report = report_of(spec);
    EXPECT_EQ(report.source_port, 40'001);
    EXPECT_GT(report.answered, 0U);
  }
}

TEST(Echo, HasTheIdentifierThatIsAskedFor) {
  const TestPair pair;
  Prober prober(test_socket);
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(TestPair::kFar);
  spec.count = 1;
  std::vector<EchoSpec> specs{spec, spec};
  specs.front().identifier = 65'534;
  const auto reports = prober.echo(specs);
  ASSERT_TRUE(reports) << reports.error();
  EXPECT_EQ(reports->at(0).identifier, 65'534);
  EXPECT_EQ(reports->at(1).identifier, 65'535);
  EXPECT_EQ(reports->at(1).answered(), 1U);
  specs.front().identifier = 65'535;
  EXPECT_EQ(prober.echo(specs).error().kind, ErrorKind::kInvalid) << "there is none left for the second";
  specs.front().identifier = 0;
  EXPECT_EQ(prober.echo(specs).error().kind, ErrorKind::kInvalid);
}

TEST(Exchange, RefusesWhatIsOutOfRange) {
  Prober prober(test_socket);
  ExchangeSpec spec = to_far(Transport::kUdp, 0);
  EXPECT_EQ(prober.exchange(spec).error().kind, ErrorKind::kInvalid);
  spec = to_far(Transport::kUdp, 7);
  spec.payload_size = 65'508;
  EXPECT_EQ(prober.exchange(spec).error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace netns_lab::probe
