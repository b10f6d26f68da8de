#include "harness/conformance/reachability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>

#include "harness/conformance/test_world.h"

namespace netns_lab {
namespace {

using namespace test_world;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Way kWay{"", "veth1", "netns1", "veth2"};

Sighting sighting(const std::string& network_namespace, const std::string& link, PacketDirection direction,
                  SightingKind kind, std::uint16_t sequence) {
  Sighting seen;
  seen.network_namespace = network_namespace;
  seen.link = link;
  seen.direction = direction;
  seen.kind = kind;
  seen.identifier = 7;
  seen.sequence = sequence;
  const bool request = kind == SightingKind::kRequest;
  seen.source = request ? ip("10.0.0.2") : ip("10.200.1.1");
  seen.destination = request ? ip("10.200.1.1") : ip("10.0.0.2");
  seen.ttl = 64;
  seen.payload_size = 56;
  seen.payload_intact = true;
  return seen;
}

// Two echoes from the node to the container, both answered.
EchoReport answered() {
  EchoReport report;
  report.spec.destination = ip("10.200.1.1");
  report.spec.count = 2;
  report.identifier = 7;
  report.source = ip("10.0.0.2");
  for (std::uint16_t sequence = 1; sequence <= 2; ++sequence) {
    Echo echo;
    echo.sequence = sequence;
    EchoReply reply;
    reply.source = ip("10.200.1.1");
    reply.arrival_link = "veth1";
    reply.ttl = 64;
    reply.payload_intact = true;
    reply.payload_size = 56;
    echo.reply = reply;
    report.echoes.push_back(echo);
    report.sightings.push_back(sighting("", "veth1", PacketDirection::kSent, SightingKind::kRequest, sequence));
    report.sightings.push_back(
        sighting("netns1", "veth2", PacketDirection::kReceived, SightingKind::kRequest, sequence));
    report.sightings.push_back(sighting("netns1", "veth2", PacketDirection::kSent, SightingKind::kReply, sequence));
    report.sightings.push_back(sighting("", "veth1", PacketDirection::kReceived, SightingKind::kReply, sequence));
  }
  return report;
}

EchoExpectation everything() {
  EchoExpectation want;
  want.reply_from = ip("10.200.1.1");
  want.request_from = ip("10.0.0.2");
  want.way = kWay;
  want.ttl = 64;
  want.payload_intact = true;
  return want;
}

TEST(EchoFindings, AreNoneWhenEverythingArrivedAndCameBack) {
  EXPECT_THAT(echo_findings(answered(), everything()), IsEmpty());
}

// IPv6 names the interface of the address as the one that a reply to itself came in by.
TEST(EchoFindings, OfWhatStaysInItsNamespaceGoByWhatLoSaw) {
  EchoReport report = answered();
  for (Sighting& seen : report.sightings) {
    seen.network_namespace = "";
    seen.link = "lo";
  }
  for (Echo& echo : report.echoes) echo.reply->arrival_link = "eth0";
  EchoExpectation want = everything();
  want.way = Way{"", "lo", "", "lo"};
  EXPECT_THAT(echo_findings(report, want), IsEmpty());
  report.sightings.clear();
  EXPECT_THAT(echo_findings(report, want), ::testing::Not(IsEmpty()));
}

struct Row {
  const char* name;
  std::function<void(EchoReport&)> change;
  const char* says;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Contradiction : public ::testing::TestWithParam<Row> {};
TEST_P(Contradiction, IsTold) {
  EchoReport report = answered();
  GetParam().change(report);
  EXPECT_THAT(echo_findings(report, everything()), Contains(HasSubstr(GetParam().says)));
}
const Row kRows[] = {
    {"NothingSent", [](EchoReport& r) { r.echoes.clear(); }, "nothing is proved"},
    {"NoSocket",
     [](EchoReport& r) {
       r.open_errno = ENODEV;
       r.open_text = "bind to veth1: ENODEV (No such device)";
     },
     "no echo could be sent to 10.200.1.1: bind to veth1: ENODEV (No such device)"},
    {"OneUnanswered", [](EchoReport& r) { r.echoes[1].reply.reset(); }, "1 of 2: no reply"},
    {"NoneAnswered", [](EchoReport& r) { r.echoes[0].reply = r.echoes[1].reply = std::nullopt; }, "2 of 2: no reply"},
    {"Late", [](EchoReport& r) { r.echoes[0].late = true; }, "too late"},
    {"Duplicate", [](EchoReport& r) { r.echoes[0].duplicates = 1; }, "1 further replies"},
    {"Refused", [](EchoReport& r) { r.echoes[0].send_errno = ENETUNREACH; }, "ENETUNREACH"},
    {"ReplyFromElsewhere", [](EchoReport& r) { r.echoes[0].reply->source = ip("10.9.9.9"); },
     "from 10.9.9.9, not from 10.200.1.1"},
    {"ReplyChanged", [](EchoReport& r) { r.echoes[0].reply->payload_intact = false; }, "reply's payload"},
    {"ReplyAtAnotherLink", [](EchoReport& r) { r.echoes[0].reply->arrival_link = "eth0"; }, "came in at eth0"},
    {"RequestNotSeen", [](EchoReport& r) { r.sightings.erase(r.sightings.begin() + 1); },
     "not seen arriving at veth2 (netns1)"},
    {"RequestSeenTwice", [](EchoReport& r) { r.sightings.push_back(r.sightings[1]); }, "arrived 2 times"},
    {"RequestFromElsewhere", [](EchoReport& r) { r.sightings[1].source = ip("10.9.9.9"); },
     "from 10.9.9.9, not from 10.0.0.2"},
    {"Ttl", [](EchoReport& r) { r.sightings[1].ttl = 63; }, "TTL 63, not 64"},
    {"ReplyTtl", [](EchoReport& r) { r.echoes[0].reply->ttl = 9; }, "reply came with TTL 9, not 64"},
    {"RequestChanged", [](EchoReport& r) { r.sightings[1].payload_intact = false; }, "request's payload was changed"},
    {"RequestCut", [](EchoReport& r) { r.sightings[1].payload_size = 10; }, "10 bytes of payload"},
    {"ReplyNotSeen", [](EchoReport& r) { r.sightings.erase(r.sightings.begin() + 3); }, "not seen coming back"},
    {"ForeignReplies", [](EchoReport& r) { r.foreign_replies = 2; }, "2 replies came that match no request"},
};
INSTANTIATE_TEST_SUITE_P(Rows, Contradiction, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(EchoFindings, TellWhenAPacketWasNotFragmented) {
  EchoExpectation want = everything();
  want.fragmented = true;
  EXPECT_THAT(echo_findings(answered(), want), Contains(HasSubstr("in one piece")));
}

EchoReport refused() {
  EchoReport report = answered();
  report.sightings.clear();
  for (Echo& echo : report.echoes) {
    echo.reply.reset();
    echo.send_errno = EMSGSIZE;
  }
  return report;
}

TEST(RefusalFindings, AreNoneWhenTheKernelRefusedAndNothingArrived) {
  EXPECT_THAT(refusal_findings(refused(), EMSGSIZE, kWay), IsEmpty());
}

TEST(RefusalFindings, TellAPacketThatWasSentAfterAll) {
  EXPECT_THAT(refusal_findings(answered(), EMSGSIZE, kWay), Contains(HasSubstr("had to refuse it with EMSGSIZE")));
  EXPECT_THAT(refusal_findings(answered(), EMSGSIZE, kWay), Contains(HasSubstr("arriving at veth2")));
}

TEST(RefusalFindings, TellAnotherErrno) {
  EchoReport report = refused();
  report.echoes[0].send_errno = EPERM;
  EXPECT_THAT(refusal_findings(report, EMSGSIZE, kWay), Contains(HasSubstr("EPERM, not with EMSGSIZE")));
}

TEST(RefusalFindings, TellWhenNothingWasTried) {
  EchoReport report = refused();
  report.echoes.clear();
  EXPECT_THAT(refusal_findings(report, EMSGSIZE, kWay), Contains(HasSubstr("nothing is proved")));
}

TEST(ArrivalFindings, AreNoneWhenNothingArrived) {
  EchoReport report = refused();
  EXPECT_THAT(arrival_findings(report, "netns1", "veth2"), IsEmpty());
  EXPECT_THAT(arrival_findings(answered(), "netns1", "veth2"),
              Contains(HasSubstr("request 1 from 10.0.0.2 arrived at veth2")));
}

TEST(DeliveryFindings, WantEveryRequestWithItsTtl) {
  EXPECT_THAT(delivery_findings(answered(), "netns1", "veth2", 64), IsEmpty());
  EXPECT_THAT(delivery_findings(answered(), "netns1", "veth2", 63), Contains(HasSubstr("TTL 64, not 63")));
  EXPECT_THAT(delivery_findings(refused(), "netns1", "veth2", 64), Contains(HasSubstr("not seen arriving")));
}

Sighting datagram(const std::string& network_namespace, const std::string& link, std::uint16_t from, std::uint16_t to) {
  Sighting seen = sighting(network_namespace, link, PacketDirection::kReceived, SightingKind::kUdp, 0);
  seen.identifier = from;
  seen.sequence = to;
  return seen;
}

ExchangeReport exchanged() {
  constexpr std::uint16_t kClient = 40000, kServer = 7;
  ExchangeReport report;
  report.spec.count = 3;
  report.spec.port = kServer;
  report.sent = 3;
  report.answered = 3;
  report.payload_intact = true;
  for (int i = 0; i < 3; ++i) {
    report.sightings.push_back(datagram("netns1", "veth2", kClient, kServer));
    report.sightings.push_back(datagram("", "veth1", kServer, kClient));
  }
  return report;
}

TEST(ExchangeFindings, WantEverythingBackIntactAcrossTheWay) {
  ExchangeReport report = exchanged();
  EXPECT_THAT(exchange_findings(report, kWay), IsEmpty());
  report.answered = 2;
  EXPECT_THAT(exchange_findings(report, kWay), Contains(HasSubstr("2 of 3 datagrams came back")));
  report.payload_intact = false;
  EXPECT_THAT(exchange_findings(report, kWay), Contains(HasSubstr("not what was sent")));
  report.sightings.clear();
  EXPECT_THAT(exchange_findings(report, kWay), Contains(HasSubstr("nothing of it was seen arriving")));
  report.system_errno = ECONNREFUSED;
  EXPECT_THAT(exchange_findings(report, kWay), Contains(HasSubstr("ECONNREFUSED")));
  report.unserved_in = "netns1";
  report.system_errno = EADDRNOTAVAIL;
  EXPECT_THAT(exchange_findings(report, kWay),
              Contains(HasSubstr("nothing could listen there, in netns1: EADDRNOTAVAIL")));
}

TEST(ExchangeFindings, WantEveryDatagramSeenOnceBothWays) {
  ExchangeReport lost = exchanged();
  lost.sightings.erase(lost.sightings.begin());
  EXPECT_THAT(exchange_findings(lost, kWay),
              Contains(HasSubstr("2 datagrams were seen arriving at veth2 (netns1), not 3")));
  ExchangeReport twice = exchanged();
  twice.sightings.push_back(twice.sightings[1]);
  EXPECT_THAT(exchange_findings(twice, kWay),
              Contains(HasSubstr("4 answers were seen arriving at veth1 (the node), not 3")));
  ExchangeReport elsewhere = exchanged();
  for (Sighting& seen : elsewhere.sightings) {
    if (seen.link == "veth1") seen.link = "eth0";
  }
  EXPECT_THAT(exchange_findings(elsewhere, kWay),
              Contains(HasSubstr("nothing of the answer was seen arriving at veth1 (the node)")));
}

const MacAddress kNear = MacAddress::parse("02:00:00:00:00:03").value();
const MacAddress kFar = MacAddress::parse("02:00:00:00:00:04").value();

Sighting arp(const std::string& network_namespace, const std::string& link, std::uint16_t operation, MacAddress from) {
  Sighting seen = sighting(network_namespace, link, PacketDirection::kReceived, SightingKind::kArp, 0);
  seen.identifier = operation;
  seen.link_source = from;
  seen.advertised = from;
  return seen;
}

EchoReport resolved() {
  EchoReport report = answered();
  report.sightings.push_back(arp("netns1", "veth2", 1, kNear));
  report.sightings.push_back(arp("", "veth1", 2, kFar));
  return report;
}

TEST(ResolutionFindings, WantAQuestionAndThePeersOwnAnswer) {
  EXPECT_THAT(resolution_findings(resolved(), kWay, kNear, kFar), IsEmpty());
  EXPECT_THAT(resolution_findings(answered(), kWay, kNear, kFar), Contains(HasSubstr("no ARP request")));
  EXPECT_THAT(resolution_findings(answered(), kWay, kNear, kFar), Contains(HasSubstr("no ARP answer")));
}

TEST(ResolutionFindings, TellAnAnswerThatNamesAnotherMac) {
  EchoReport proxied = resolved();
  proxied.sightings.back().advertised = kNear;
  EXPECT_THAT(resolution_findings(proxied, kWay, kNear, kFar), Contains(HasSubstr("veth2's MAC is 02:00:00:00:00:04")));
}

// The far end resolves the near one by itself when it answers: that says nothing about the near end's own table.
TEST(ResolutionFindings, AreNotTakenInByTheReverseDirection) {
  EchoReport reverse = answered();
  reverse.sightings.push_back(arp("", "veth1", 1, kFar));
  reverse.sightings.push_back(arp("netns1", "veth2", 2, kNear));
  EXPECT_THAT(resolution_findings(reverse, kWay, kNear, kFar), Contains(HasSubstr("no ARP request")));
  EXPECT_THAT(resolution_findings(reverse, kWay, kNear, kFar), Contains(HasSubstr("no ARP answer")));
}

}  // namespace
}  // namespace netns_lab
