// What a probe says of the subject, of itself, and when it is stopped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <thread>

#include "harness/probe/prober.h"
#include "harness/probe/test_network.h"

namespace netns_lab::probe {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Field;
using testing::IsEmpty;
using testing::Not;
using testing::Optional;
using testing::SizeIs;

EchoSpec to_far(const std::string& destination = TestPair::kFar) {
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(destination);
  spec.interval = std::chrono::microseconds(0);
  spec.reply_wait = std::chrono::milliseconds(100);
  return spec;
}

EchoReport report_of(Prober& prober, const EchoSpec& spec) {
  auto reports = prober.echo(std::span(&spec, 1));
  if (!reports) throw std::runtime_error(reports.error().message());
  return std::move(reports->front());
}

MacAddress mac_of(const std::string& network_namespace, const char* link) {
  const auto socket = test_socket(network_namespace, AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, link, IFNAMSIZ - 1);
  ::ioctl(socket->get(), SIOCGIFHWADDR, &request);
  std::array<std::uint8_t, 6> bytes{};
  std::memcpy(bytes.data(), request.ifr_hwaddr.sa_data, 6);
  return MacAddress(bytes);
}

struct NotOpened {
  std::string name;
  std::function<void(EchoSpec&)> change;
  int system_errno;
};
class Subject : public testing::TestWithParam<NotOpened> {};

TEST_P(Subject, IsToBlameInTheReport) {
  const TestPair pair;
  Prober prober(test_socket);
  EchoSpec spec = to_far();
  GetParam().change(spec);
  const EchoReport report = report_of(prober, spec);
  EXPECT_EQ(report.open_errno, GetParam().system_errno) << report.open_text;
  EXPECT_THAT(report.open_text, Not(IsEmpty()));
  EXPECT_EQ(report.answered(), 0U);
}
INSTANTIATE_TEST_SUITE_P(
    Lacks, Subject,
    testing::Values(NotOpened{"Link", [](EchoSpec& spec) { spec.link = "nolink"; }, ENODEV},
                    NotOpened{"LinkWithALongName", [](EchoSpec& spec) { spec.link = "a-name-that-is-too-long"; },
                              ENODEV},
                    NotOpened{"Source", [](EchoSpec& spec) { spec.source = address("10.9.9.9"); }, EADDRNOTAVAIL},
                    NotOpened{"Namespace", [](EchoSpec& spec) { spec.network_namespace = "none"; }, ENOENT},
                    NotOpened{"WatchedNamespace", [](EchoSpec& spec) { spec.watch = {"none"}; }, ENOENT}),
    [](const auto& row) { return row.param.name; });

struct Invalid {
  std::string name;
  std::function<void(EchoSpec&)> change;
};
class Spec : public testing::TestWithParam<Invalid> {};

TEST_P(Spec, IsRefused) {
  Prober prober(test_socket);
  EchoSpec spec = to_far();
  GetParam().change(spec);
  const auto reports = prober.echo(std::span(&spec, 1));
  ASSERT_FALSE(reports);
  EXPECT_EQ(reports.error().kind, ErrorKind::kInvalid) << reports.error();
}
INSTANTIATE_TEST_SUITE_P(
    OutOfRange, Spec,
    testing::Values(Invalid{"NoCount", [](EchoSpec& spec) { spec.count = 0; }},
                    Invalid{"MoreThanSequenceNumbers", [](EchoSpec& spec) { spec.count = 65'536; }},
                    Invalid{"NoWindow", [](EchoSpec& spec) { spec.window = 0; }},
                    Invalid{"TooLarge", [](EchoSpec& spec) { spec.payload_size = 65'508; }},
                    Invalid{"NoTtl", [](EchoSpec& spec) { spec.ttl = 0; }},
                    Invalid{"SourceOfTheOtherFamily", [](EchoSpec& spec) { spec.source = address("fd00::1"); }}),
    [](const auto& row) { return row.param.name; });

TEST(Echo, ToNowhereIsRefusedByTheKernel) {
  const TestPair pair;
  Prober prober(test_socket);
  for (const char* nowhere : {"192.0.2.1", "2001:db8::1"}) {
    const EchoReport report = report_of(prober, to_far(nowhere));
    EXPECT_THAT(report.echoes, AllOf(SizeIs(3), Each(Field(&Echo::send_errno, ENETUNREACH)))) << nowhere;
  }
}

TEST(Echo, OfAnAbsentNeighbourIsNotAnsweredAndTheArpIsSeen) {
  const TestPair pair;
  Prober prober(test_socket);
  EchoSpec spec = to_far("10.0.0.99");
  spec.watch = {"near", "far"};
  const EchoReport report = report_of(prober, spec);
  EXPECT_EQ(report.answered(), 0U);
  EXPECT_EQ(report.source, address(TestPair::kNear));
  EXPECT_THAT(report.seen("far", "right", SightingKind::kArp), Not(IsEmpty()));
  EXPECT_THAT(report.seen("far", "right", SightingKind::kRequest), IsEmpty());
}

TEST(Echo, SeesTheNeighbourAnswerWithItsOwnMac) {
  const TestPair pair;
  Prober prober(test_socket);
  for (const auto& [destination, kind] : std::map<std::string, SightingKind>{
           {TestPair::kFar, SightingKind::kArp}, {TestPair::kFar6, SightingKind::kNeighbourDiscovery}}) {
    EchoSpec spec = to_far(destination);
    spec.reply_wait = std::chrono::seconds(5);
    spec.watch = {"near", "far"};
    const EchoReport report = report_of(prober, spec);
    const std::uint16_t answer = kind == SightingKind::kArp ? 2 : 136;
    EXPECT_THAT(
        report.seen("near", "left", kind),
        testing::Contains(
            AllOf(Field(&Sighting::identifier, answer), Field(&Sighting::direction, PacketDirection::kReceived),
                  Field(&Sighting::source, address(destination)), Field(&Sighting::advertised, mac_of("far", "right")),
                  Field(&Sighting::link_source, mac_of("far", "right")))))
        << report;
  }
}

TEST(Echo, IsSeenTwiceOnEachEnd) {
  const TestPair pair;
  Prober prober(test_socket);
  EchoSpec spec = to_far();
  spec.count = 10;
  spec.watch = {"near", "far"};
  const EchoReport report = report_of(prober, spec);
  EXPECT_THAT(report.seen("near", "left", SightingKind::kRequest), SizeIs(10));
  EXPECT_THAT(report.seen("near", "left", SightingKind::kReply), SizeIs(10));
  const auto arrived = report.seen("far", "right", SightingKind::kRequest);
  EXPECT_THAT(arrived, AllOf(SizeIs(10), Each(AllOf(Field(&Sighting::payload_intact, true), Field(&Sighting::ttl, 64),
                                                    Field(&Sighting::direction, PacketDirection::kReceived),
                                                    Field(&Sighting::source, address(TestPair::kNear)),
                                                    Field(&Sighting::link_source, mac_of("near", "left"))))));
  EXPECT_TRUE(std::ranges::is_sorted(report.sightings, {}, &Sighting::time));
}

TEST(Echo, SeesNothingOfAnEarlierProbe) {
  const TestPair pair;
  Prober prober(test_socket);
  Prober unwatched(test_socket);
  EchoSpec spec = to_far();
  spec.watch = {"near", "far"};
  report_of(prober, spec);
  report_of(unwatched, to_far());
  const EchoReport second = report_of(prober, spec);
  EXPECT_THAT(second.sightings, SizeIs(12));
  EXPECT_THAT(second.sightings, Each(Field(&Sighting::identifier, second.identifier)));
}

TEST(Echo, ToItselfGoesOverLoopback) {
  const TestPair pair;
  Prober prober(test_socket);
  EchoSpec spec = to_far(TestPair::kNear);
  spec.watch = {"near", "far"};
  const EchoReport report = report_of(prober, spec);
  EXPECT_EQ(report.answered(), 3U);
  EXPECT_THAT(report.seen("near", "lo", SightingKind::kRequest), SizeIs(6));  // sent and received
  EXPECT_THAT(report.seen("far", "right", SightingKind::kRequest), IsEmpty());
}

TEST(Echo, CarriesTheTtlAskedFor) {
  const TestPair pair;
  Prober prober(test_socket);
  for (const char* destination : {TestPair::kFar, TestPair::kFar6}) {
    for (const bool dont_fragment : {false, true}) {
      EchoSpec spec = to_far(destination);
      spec.ttl = 7;
      spec.dont_fragment = dont_fragment;
      spec.watch = {"far"};
      const EchoReport report = report_of(prober, spec);
      EXPECT_THAT(report.seen("far", "right", SightingKind::kRequest),
                  AllOf(SizeIs(3), Each(Field(&Sighting::ttl, 7))));
    }
  }
}

TEST(Echo, KeepsItsIntervalAndItsWindow) {
  const TestPair pair;
  Prober prober(test_socket);
  EchoSpec spec = to_far();
  spec.count = 4;
  spec.interval = std::chrono::milliseconds(5);
  spec.watch = {"far"};
  const EchoReport spaced = report_of(prober, spec);
  const auto requests = spaced.seen("far", "right", SightingKind::kRequest);
  ASSERT_THAT(requests, SizeIs(4));
  for (std::size_t index = 1; index < requests.size(); ++index) {
    EXPECT_GE(requests[index].time - requests[index - 1].time, std::chrono::milliseconds(4));
  }
  // Nobody answers and one may be in flight: each waits for the end of the one before.
  EchoSpec narrow = to_far("10.0.0.99");
  narrow.count = 3;
  narrow.window = 1;
  narrow.reply_wait = std::chrono::milliseconds(30);
  const auto start = std::chrono::steady_clock::now();
  report_of(prober, narrow);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(90));
}

TEST(Echo, RunsManyTargetsFromManyNamespacesAtOnce) {
  const TestPair pair;
  Prober prober(test_socket);
  std::vector<EchoSpec> specs;
  for (int index = 0; index < 40; ++index) {
    EchoSpec spec = to_far(index % 2 == 0 ? TestPair::kFar : TestPair::kFar6);
    if (index % 4 >= 2) {
      spec.network_namespace = "far";
      spec.destination = address(index % 2 == 0 ? TestPair::kNear : TestPair::kNear6);
    }
    spec.reply_wait = std::chrono::seconds(5);
    spec.payload_size = static_cast<std::uint32_t>(index * 97);
    spec.watch = {"near"};
    specs.push_back(spec);
  }
  const auto reports = prober.echo(specs);
  ASSERT_TRUE(reports) << reports.error();
  ASSERT_THAT(*reports, SizeIs(specs.size()));
  for (std::size_t index = 0; index < specs.size(); ++index) {
    const EchoReport& report = (*reports)[index];
    EXPECT_EQ(report.spec, specs[index]);
    EXPECT_EQ(report.answered(), 3U) << index;
    EXPECT_THAT(report.echoes, Each(Field(&Echo::reply, Optional(Field(&EchoReply::payload_intact, true)))));
    EXPECT_THAT(report.seen("near", "left", SightingKind::kRequest), SizeIs(3)) << index;
  }
}

TEST(Echo, OfAFloodIsAnsweredWholly) {
  const TestPair pair;
  Prober prober(test_socket);
  EchoSpec spec = to_far();
  spec.count = 5'000;
  spec.reply_wait = std::chrono::seconds(10);
  spec.watch = {"far"};
  const EchoReport report = report_of(prober, spec);
  EXPECT_EQ(report.answered(), 5'000U);
  EXPECT_EQ(report.capture_drops, 0U);
  EXPECT_THAT(report.seen("far", "right", SightingKind::kRequest), SizeIs(5'000));
}

std::chrono::nanoseconds processor_time() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

// Awake between requests it is only when nothing is waited for: an answer may need this processor.
TEST(Echo, SleepsWhileItWaitsForReplies) {
  const TestPair pair;
  Prober prober(test_socket);
  EchoSpec spec = to_far("10.0.0.99");
  spec.count = 60;
  spec.interval = std::chrono::milliseconds(2);
  const auto before = processor_time();
  EXPECT_EQ(report_of(prober, spec).answered(), 0U);
  EXPECT_LT(processor_time() - before, std::chrono::milliseconds(60));  // half of what the intervals are together
}

class Cancelled : public testing::TestWithParam<std::string> {};

TEST_P(Cancelled, EchoEnds) {
  const TestPair pair;
  Prober prober(test_socket);
  EchoSpec spec = to_far(GetParam());
  spec.count = 60'000;
  spec.interval = std::chrono::milliseconds(2);
  spec.reply_wait = std::chrono::minutes(10);
  const UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  std::thread later([&] { ::eventfd_write(stop.get(), 1); });
  const auto reports = prober.echo(std::span(&spec, 1), Cancel{stop.get()});
  later.join();
  ASSERT_FALSE(reports);
  EXPECT_EQ(reports.error().kind, ErrorKind::kCancelled);
}

// Nobody answers, so it sleeps; and somebody does, so it is awake between requests.
INSTANTIATE_TEST_SUITE_P(Destinations, Cancelled, testing::Values("10.0.0.99", TestPair::kFar));

}  // namespace
}  // namespace netns_lab::probe
