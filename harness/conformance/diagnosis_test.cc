#include "harness/conformance/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>

#include "harness/conformance/test_world.h"

namespace netns_lab {
namespace {

using namespace test_world;
using Step = Diagnosis::Step;
using ::testing::HasSubstr;

RouteAnswer out_of(const std::string& link) {
  RouteAnswer answer;
  answer.type = RouteType::kUnicast;
  answer.output_link = link;
  answer.table = kMainTable;
  return answer;
}

void see(EchoEvidence& evidence, const std::string& network_namespace, const std::string& link,
         PacketDirection direction, SightingKind kind, std::uint16_t identifier = 1) {
  Sighting sighting;
  sighting.network_namespace = network_namespace;
  sighting.link = link;
  sighting.direction = direction;
  sighting.kind = kind;
  if (kind == SightingKind::kArp) sighting.identifier = identifier;
  evidence.report.sightings.push_back(sighting);
}

// One echo from the node to the container that was not answered; everything about the network is right.
EchoEvidence lost() {
  EchoEvidence evidence;
  evidence.way = Way{"", "veth1", "netns1", "veth2"};
  evidence.report.spec.destination = ip("10.200.1.1");
  evidence.report.source = ip("10.0.0.2");
  evidence.report.echoes.resize(1);
  evidence.there = out_of("veth1");
  evidence.back = out_of("veth2");
  evidence.now = after();
  return evidence;
}

void see_request_arrive(EchoEvidence& e) {
  see(e, "", "veth1", PacketDirection::kSent, SightingKind::kRequest);
  see(e, "netns1", "veth2", PacketDirection::kReceived, SightingKind::kRequest);
  e.report.sightings.back().link_destination = container_of(*e.now).links.back().mac;
}

struct Row {
  const char* name;
  std::function<void(EchoEvidence&)> change;
  Step step;
  const char* says;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class FirstBrokenStep : public ::testing::TestWithParam<Row> {};
TEST_P(FirstBrokenStep, IsNamedWithItsReason) {
  EchoEvidence evidence = lost();
  GetParam().change(evidence);
  const Diagnosis diagnosis = diagnose(evidence);
  EXPECT_EQ(static_cast<int>(diagnosis.step), static_cast<int>(GetParam().step)) << diagnosis.text;
  EXPECT_THAT(diagnosis.text, HasSubstr(GetParam().says));
}

const Row kRows[] = {
    {"Answered", [](EchoEvidence& e) { e.report.echoes[0].reply = EchoReply{}; }, Step::kNone, "answered"},
    {"NoNamespace", [](EchoEvidence& e) { e.now->namespaces.pop_back(); }, Step::kNamespace, "no namespace netns1"},
    {"NoLink", [](EchoEvidence& e) { node_of(*e.now).links.pop_back(); }, Step::kSenderLink, "has no link veth1"},
    {"LinkDown", [](EchoEvidence& e) { node_of(*e.now).links.back().flags = 0; }, Step::kSenderLink,
     "ip link set veth1 up"},
    {"NoCarrier", [](EchoEvidence& e) { container_of(*e.now).links.back().carrier = false; }, Step::kReceiverLink,
     "no carrier"},
    {"NoRoute", [](EchoEvidence& e) { e.there->system_errno = ENETUNREACH; }, Step::kRoute,
     "ENETUNREACH (Network is unreachable)"},
    {"BlackholeRefused", [](EchoEvidence& e) { e.there->system_errno = EINVAL; }, Step::kRoute,
     "EINVAL (a blackhole route, or a source that cannot be)"},
    {"WrongRoute", [](EchoEvidence& e) { e.there = out_of("eth0"); }, Step::kRoute, "out of eth0, not out of veth1"},
    {"OwnAddress", [](EchoEvidence& e) { e.there->type = RouteType::kLocal; }, Step::kRoute, "never leaves"},
    {"Blackhole", [](EchoEvidence& e) { e.there->type = RouteType::kBlackhole; }, Step::kRoute, "blackhole"},
    {"Filtered", [](EchoEvidence& e) { e.report.echoes[0].send_errno = EPERM; }, Step::kSend, "OUTPUT"},
    {"NeverAsked", [](EchoEvidence&) {}, Step::kNeighbour, "no ARP question"},
    {"QuestionLost", [](EchoEvidence& e) { see(e, "", "veth1", PacketDirection::kSent, SightingKind::kArp); },
     Step::kNeighbour, "not joined"},
    {"NobodyAnswersArp",
     [](EchoEvidence& e) {
       see(e, "", "veth1", PacketDirection::kSent, SightingKind::kArp);
       see(e, "netns1", "veth2", PacketDirection::kReceived, SightingKind::kArp);
     },
     Step::kNeighbour, "nobody in namespace netns1 answered"},
    {"RequestLost", [](EchoEvidence& e) { see(e, "", "veth1", PacketDirection::kSent, SightingKind::kRequest); },
     Step::kLink, "never arrived at veth2"},
    {"TooLargeForThePeer",
     [](EchoEvidence& e) {
       see(e, "", "veth1", PacketDirection::kSent, SightingKind::kRequest);
       e.report.spec.payload_size = 1472;
       node_of(*e.now).links.back().mtu = 1500;
       container_of(*e.now).links.back().mtu = 1400;
     },
     Step::kLink, "its MTU is 1400 (ip link set veth2 mtu 1500)"},
    {"LostThoughSmallEnough",
     [](EchoEvidence& e) {
       see(e, "", "veth1", PacketDirection::kSent, SightingKind::kRequest);
       e.report.spec.payload_size = 56;
       node_of(*e.now).links.back().mtu = 1500;
       container_of(*e.now).links.back().mtu = 1400;
     },
     Step::kLink, "never arrived at veth2"},
    {"AddressedToAnother",
     [](EchoEvidence& e) {
       see_request_arrive(e);
       e.report.sightings.back().link_destination = MacAddress::parse("02:00:00:00:00:99").value();
     },
     Step::kNeighbour, "addressed to 02:00:00:00:00:99"},
    {"AddressMissing",
     [](EchoEvidence& e) {
       see_request_arrive(e);
       container_of(*e.now).addresses.clear();
     },
     Step::kReceiver, "is no address of namespace netns1"},
    {"NoWayBack",
     [](EchoEvidence& e) {
       see_request_arrive(e);
       e.back->system_errno = ENETUNREACH;
     },
     Step::kWayBack, "default route is missing"},
    {"ReplyUnresolved",
     [](EchoEvidence& e) {
       see_request_arrive(e);
       see(e, "netns1", "veth2", PacketDirection::kSent, SightingKind::kArp);
       see(e, "", "veth1", PacketDirection::kReceived, SightingKind::kArp);
     },
     Step::kReplyNeighbour, "nobody in the node answered"},
    {"ReceiverSilent",
     [](EchoEvidence& e) {
       see_request_arrive(e);
       see(e, "netns1", "veth2", PacketDirection::kSent, SightingKind::kArp);
       see(e, "", "veth1", PacketDirection::kReceived, SightingKind::kArp);
       see(e, "", "veth1", PacketDirection::kSent, SightingKind::kArp, 2);
     },
     Step::kReceiver, "did not answer"},
    {"ReplyLost",
     [](EchoEvidence& e) {
       see_request_arrive(e);
       see(e, "netns1", "veth2", PacketDirection::kSent, SightingKind::kReply);
     },
     Step::kWayBack, "never came back to veth1"},
    {"ReplyNotHandedOver",
     [](EchoEvidence& e) {
       see_request_arrive(e);
       see(e, "netns1", "veth2", PacketDirection::kSent, SightingKind::kReply);
       see(e, "", "veth1", PacketDirection::kReceived, SightingKind::kReply);
       e.report.sightings.back().link_destination = node_of(*e.now).links.back().mac;
     },
     Step::kDelivery, "did not hand it over"},
};
INSTANTIATE_TEST_SUITE_P(Rows, FirstBrokenStep, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace netns_lab
