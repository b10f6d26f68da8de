// Each field of the report catches the lie it is there for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/probe/impostor.h"
#include "harness/probe/prober.h"
#include "harness/probe/socket_address.h"

namespace netns_lab::probe {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Eq;
using testing::Field;
using testing::IsEmpty;
using testing::Matcher;
using testing::Optional;
using testing::SizeIs;

struct Lie {
  std::string name;
  Impostor::Answer answer;
  Matcher<const EchoReport&> told;
  std::uint32_t count = 2;
  std::chrono::microseconds interval{0};
  std::chrono::milliseconds reply_wait{300};
  std::uint32_t payload_size = 56;
};

void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }

Matcher<const EchoReport&> EveryEcho(const Matcher<const Echo&>& matcher) {
  return Field("echoes", &EchoReport::echoes, AllOf(testing::Not(IsEmpty()), Each(matcher)));
}
Matcher<const Echo&> Reply(const Matcher<const EchoReply&>& matcher) {
  return Field("reply", &Echo::reply, Optional(matcher));
}
Matcher<const Echo&> NoReply() { return Field("reply", &Echo::reply, Eq(std::nullopt)); }
Matcher<const Echo&> Problem(const Matcher<const IcmpProblem&>& matcher) {
  return Field("problems", &Echo::problems, ElementsAre(matcher));
}
Matcher<const EchoReply&> Intact(bool intact) { return Field("payload_intact", &EchoReply::payload_intact, intact); }

// The honest reply after a change.
Impostor::Answer changed(std::function<void(Forgery&)> change) {
  return [change = std::move(change)](const FrameBytes& request) {
    Forgery reply = honest_reply(request);
    change(reply);
    return Frames{reply.frame()};
  };
}

Frames in_two_fragments_last_first(const FrameBytes& request) {
  Forgery whole = honest_reply(request);
  const FrameBytes frame = whole.frame();  // with the checksum over all
  const std::size_t half = 40;
  Forgery first = whole;
  first.icmp.assign(frame.begin() + 34, frame.begin() + 34 + half);
  first.fragment = 0x2000;
  first.keep_checksum = true;
  Forgery second = whole;
  second.icmp.assign(frame.begin() + 34 + half, frame.end());
  second.fragment = half / 8;
  second.keep_checksum = true;
  return {second.frame(), first.frame()};
}

// Answers a request when it sees the next one.
Impostor::Answer one_too_late() {
  return [held = std::make_shared<Frames>()](const FrameBytes& request) {
    Frames before = std::move(*held);
    *held = {honest_reply(request).frame()};
    return before;
  };
}

class Adversary : public testing::TestWithParam<Lie> {};

TEST_P(Adversary, IsFoundOut) {
  const TestPair pair;
  const Impostor impostor(GetParam().answer);
  Prober prober(test_socket);
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(TestPair::kFar);
  spec.count = GetParam().count;
  spec.interval = GetParam().interval;
  spec.reply_wait = GetParam().reply_wait;
  spec.payload_size = GetParam().payload_size;
  spec.watch = {"near"};
  const auto reports = prober.echo(std::span(&spec, 1));
  ASSERT_TRUE(reports) << reports.error();
  EXPECT_THAT(reports->front(), GetParam().told);
  EXPECT_EQ(reports->front().capture_drops, 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Peer, Adversary,
    testing::Values(
        Lie{.name = "TellsTheTruth",
            .answer = changed([](Forgery&) {}),
            .told = EveryEcho(AllOf(Reply(AllOf(Intact(true), Field(&EchoReply::source, address("10.0.0.2")),
                                                Field(&EchoReply::ttl, 64), Field(&EchoReply::payload_size, 56))),
                                    Field(&Echo::duplicates, 0U), Field(&Echo::late, false),
                                    Field(&Echo::problems, IsEmpty())))},
        Lie{.name = "ChangesTheLastByte",
            .answer = changed([](Forgery& reply) { reply.icmp.back() ^= 1; }),
            .told = EveryEcho(Reply(Intact(false)))},
        Lie{.name = "DamagesTheChecksum",
            .answer = changed([](Forgery& reply) {
              reply.icmp[2] ^= 0x55;
              reply.keep_checksum = true;
            }),
            .told = EveryEcho(Reply(Intact(false)))},
        Lie{.name = "CutsThePayload",
            .answer = changed([](Forgery& reply) { reply.icmp.pop_back(); }),
            .told = EveryEcho(Reply(AllOf(Intact(false), Field(&EchoReply::payload_size, 55U))))},
        Lie{.name = "AddsToThePayload",
            .answer = changed([](Forgery& reply) { reply.icmp.push_back(0); }),
            .told = EveryEcho(Reply(AllOf(Intact(false), Field(&EchoReply::payload_size, 57U))))},
        Lie{.name = "AnswersTwice",
            .answer =
                [](const FrameBytes& request) {
                  return Frames{honest_reply(request).frame(), honest_reply(request).frame()};
                },
            // The duplicate of the last one may come when all is over.
            .told = Field(&EchoReport::echoes, testing::Contains(Field(&Echo::duplicates, 1U)))},
        Lie{.name = "AnswersFromElsewhere",
            .answer = changed([](Forgery& reply) { reply.source = address("10.0.0.77"); }),
            .told = EveryEcho(Reply(Field(&EchoReply::source, address("10.0.0.77"))))},
        Lie{.name = "ComesThroughARouter",
            .answer = changed([](Forgery& reply) { reply.ttl = 63; }),
            .told = EveryEcho(Reply(Field(&EchoReply::ttl, 63)))},
        Lie{.name = "ChangesTheIdentifier",
            .answer = changed([](Forgery& reply) { reply.icmp[4] ^= 0x80; }),
            .told = AllOf(EveryEcho(NoReply()), Field(&EchoReport::foreign_replies, 0U))},
        Lie{.name = "ChangesTheSequence",
            .answer = changed([](Forgery& reply) { reply.icmp[6] ^= 0x80; }),
            .told = AllOf(EveryEcho(NoReply()), Field(&EchoReport::foreign_replies, 2U))},
        Lie{.name = "SaysNothing",
            .answer = [](const FrameBytes&) { return Frames{}; },
            .told = AllOf(EveryEcho(AllOf(NoReply(), Field(&Echo::problems, IsEmpty()), Field(&Echo::send_errno, 0))),
                          Field(&EchoReport::source, Optional(address("10.0.0.1"))))},
        Lie{.name = "AnswersTooLate",
            .answer = one_too_late(),
            .told = Field(&EchoReport::echoes,
                          ElementsAre(AllOf(Reply(Intact(true)), Field(&Echo::late, true)), NoReply())),
            .interval = std::chrono::milliseconds(60),
            .reply_wait = std::chrono::milliseconds(20)},
        Lie{.name = "SaysHostUnreachable",
            .answer =
                [](const FrameBytes& request) {
                  return Frames{error_about(request, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH).frame()};
                },
            .told = EveryEcho(AllOf(NoReply(),
                                    Problem(AllOf(Field(&IcmpProblem::from, address("10.0.0.2")),
                                                  Field(&IcmpProblem::type, ICMP_DEST_UNREACH),
                                                  Field(&IcmpProblem::code, ICMP_HOST_UNREACH),
                                                  Field(&IcmpProblem::about_destination, address("10.0.0.2")),
                                                  Field(&IcmpProblem::local, false))))),
            .reply_wait = std::chrono::minutes(10)},  // it does not wait for what cannot come
        Lie{.name = "SaysTimeExceeded",
            .answer =
                [](const FrameBytes& request) { return Frames{error_about(request, ICMP_TIME_EXCEEDED, 0).frame()}; },
            .told = EveryEcho(AllOf(NoReply(), Problem(Field(&IcmpProblem::type, ICMP_TIME_EXCEEDED)))),
            .reply_wait = std::chrono::minutes(10)},
        Lie{.name = "SaysRedirectAndAnswers",
            .answer =
                [](const FrameBytes& request) {
                  return Frames{error_about(request, ICMP_REDIRECT, 1).frame(), honest_reply(request).frame()};
                },
            .told = EveryEcho(AllOf(Reply(Intact(true)), Problem(Field(&IcmpProblem::type, ICMP_REDIRECT)))),
            .reply_wait = std::chrono::minutes(10)},
        Lie{.name = "AnswersInFragmentsTheLastFirst",
            .answer = in_two_fragments_last_first,
            .told = AllOf(EveryEcho(Reply(Intact(true))),
                          Field(&EchoReport::sightings,
                                testing::Contains(AllOf(Field(&Sighting::kind, SightingKind::kReply),
                                                        Field(&Sighting::fragments, 2U),
                                                        Field(&Sighting::payload_intact, true)))
                                    .Times(2)))},
        Lie{.name = "LosesAFragment",
            .answer = [](const FrameBytes& request) { return Frames{in_two_fragments_last_first(request).back()}; },
            .told = AllOf(EveryEcho(NoReply()),
                          Field(&EchoReport::sightings,
                                testing::Contains(AllOf(Field(&Sighting::kind, SightingKind::kReply),
                                                        Field(&Sighting::fragments, 1U),
                                                        Field(&Sighting::payload_intact, false)))
                                    .Times(2)))}),
    [](const auto& row) { return row.param.name; });

TEST(FragmentationNeeded, IsReportedAndLeavesNoException) {
  const TestPair pair;
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(TestPair::kFar);
  spec.payload_size = 1472;
  spec.dont_fragment = true;
  spec.count = 1;
  Prober prober(test_socket);
  for (int turn = 0; turn < 2; ++turn) {  // the second is sent as if the first had never been
    const Impostor impostor([](const FrameBytes& request) {
      return Frames{error_about(request, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 600).frame()};
    });
    const auto reports = prober.echo(std::span(&spec, 1));
    ASSERT_TRUE(reports) << reports.error();
    EXPECT_THAT(reports->front(),
                EveryEcho(AllOf(NoReply(), Field(&Echo::send_errno, 0), Problem(Field(&IcmpProblem::mtu, 600U)))));
  }
  const auto socket = test_socket("near", AF_INET, SOCK_DGRAM, 0);
  const SocketAddress far = SocketAddress::of(address(TestPair::kFar), 9);
  ASSERT_EQ(::connect(socket->get(), far.get(), far.size), 0);
  int mtu = 0;
  socklen_t size = sizeof mtu;
  ASSERT_EQ(::getsockopt(socket->get(), IPPROTO_IP, IP_MTU, &mtu, &size), 0);
  EXPECT_EQ(mtu, 1500);
}

}  // namespace
}  // namespace netns_lab::probe
