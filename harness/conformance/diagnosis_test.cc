#include "harness/conformance/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "harness/conformance/test_lost.h"

namespace netns_lab {
namespace {

using namespace test_world;
using Row = LostRow;
using Step = Diagnosis::Step;
using ::testing::HasSubstr;

class FirstBrokenStep : public ::testing::TestWithParam<Row> {};
TEST_P(FirstBrokenStep, IsNamedWithItsReason) {
  Lost world = lost();
  GetParam().network(world);
  world.walk();
  GetParam().seen(world);
  const Diagnosis diagnosis = diagnose(world.evidence);
  EXPECT_EQ(to_string(diagnosis.step), to_string(GetParam().step)) << diagnosis.text;
  EXPECT_THAT(diagnosis.text, HasSubstr(GetParam().says));
}

void lose_own_route(Lost& lost) {
  std::erase_if(lost.state("netns1").routes,
                [](const Route& one) { return one.destination == Prefix::host(ip("10.200.1.1")); });
}

void add_rules(Lost& lost, const std::vector<std::uint32_t>& priorities) {
  RoutingRule rule;
  rule.table = 77;
  for (const std::uint32_t priority : priorities) {
    rule.priority = priority;
    lost.state("").rules.push_back(rule);
  }
}

const Row kRows[] = {
    {"Answered", nothing,
     [](Lost& l) {
       l.evidence.trace.all_answered = true;
       l.pass(2, 2);
     },
     Step::kNone, "answered"},
    {"NoNamespace", [](Lost& l) { l.evidence.world.places.pop_back(); }, nothing, Step::kNamespace,
     "no namespace netns1"},
    {"NoLink", [](Lost& l) { l.state("").links.pop_back(); }, nothing, Step::kLink, "the node has no link veth1"},
    {"LinkDown", [](Lost& l) { l.link("", "veth1").flags = 0; }, nothing, Step::kLink, "ip link set veth1 up"},
    {"NoCarrier", [](Lost& l) { l.link("netns1", "veth2").carrier = false; }, nothing, Step::kLink, "no carrier"},
    {"NoCarrierForTheOtherEndIsDown",
     [](Lost& l) {
       l.link("", "veth1").carrier = false;
       l.link("netns1", "veth2").flags = 0;
     },
     nothing, Step::kLink, "its other end, veth2 in netns1, is down (ip link set veth2 up, there)"},
    {"NoRoute", [](Lost& l) { l.routes[""].system_errno = ENETUNREACH; }, nothing, Step::kRoute,
     "the node has no way to 10.200.1.1: asked for a route, its kernel says ENETUNREACH (Network is unreachable)"},
    {"NoRouteSaysWhereItIs",
     [](Lost& l) {
       std::erase_if(l.state("").routes,
                     [](const Route& one) { return one.destination == Prefix::host(ip("10.200.1.1")); });
       l.routes[""].system_errno = ENETUNREACH;
     },
     nothing, Step::kRoute,
     "netns1 has 10.200.1.1 on veth2, whose other end is veth1: ip route add 10.200.1.1 dev veth1"},
    {"AnotherRouteIsInTheWay",
     [](Lost& l) {
       for (Route& one : l.state("").routes) {
         if (one.destination == Prefix::host(ip("10.200.1.1"))) one.hops.front().link = "eth0";
       }
       l.routes[""] = out_of("eth0");
     },
     nothing, Step::kRoute, "whose other end is veth1: ip route replace 10.200.1.1 dev veth1"},
    {"ARuleOverrulesTheRoute",
     [](Lost& l) {
       add_rules(l, {100});
       l.routes[""] = out_of("eth0");
     },
     nothing, Step::kRoute,
     "the main table has that route, and a routing rule overrules it (ip rule show): IPv4 rule 100:"},
    {"OneOfTwoRulesOverrulesTheRoute",
     [](Lost& l) {
       add_rules(l, {50, 100});
       l.routes[""] = out_of("eth0");
     },
     nothing, Step::kRoute, "the main table has that route, and something overrules it (ip rule show"},
    {"ARuleBehindTheMainTableOverrulesNothing",
     [](Lost& l) {
       add_rules(l, {40000});
       l.routes[""] = out_of("eth0");
     },
     nothing, Step::kRoute, "the main table has that route, and something overrules it (ip rule show"},
    {"Blackhole", [](Lost& l) { l.routes[""].system_errno = EINVAL; }, nothing, Step::kRoute,
     "EINVAL (a blackhole route, or a source that cannot be)"},
    {"WrongRoute", [](Lost& l) { l.routes[""] = out_of("eth0"); }, nothing, Step::kRoute,
     "out of eth0, not out of veth1"},
    {"OwnAddress", [](Lost& l) { l.routes[""] = local(); }, nothing, Step::kRoute, "never leaves"},
    {"FilteredWhereItIsSent", [](Lost& l) { l.filter("", "output"); },
     [](Lost& l) { l.evidence.trace.send_errno = EPERM; }, Step::kSend,
     "(OUTPUT) drops it: table inet extra, chain c (1 rule) at hook output"},
    {"TooLarge", nothing, [](Lost& l) { l.evidence.trace.send_errno = EMSGSIZE; }, Step::kSend, "MTU of its way"},
    {"NoSocket", nothing,
     [](Lost& l) {
       l.evidence.trace.open_errno = ENODEV;
       l.evidence.trace.open_text = "bind: ENODEV";
     },
     Step::kSend, "no socket for it in the node: bind: ENODEV"},
    {"QuestionLost", nothing, [](Lost& l) { l.ask("", "veth1", kSent); }, Step::kNeighbour,
     "the question never arrived at veth2 (netns1)"},
    {"AddressMissing",
     [](Lost& l) {
       l.state("netns1").addresses.clear();
       l.state("netns1").addresses.push_back(address(l.link("netns1", "veth2"), "10.200.1.77/32"));
     },
     [](Lost& l) {
       l.ask("", "veth1", kSent);
       l.ask("netns1", "veth2", kReceived);
     },
     Step::kNeighbour, "it has not that address (its veth2 has 10.200.1.77)"},
    {"QuestionFiltered", [](Lost& l) { l.filter("netns1", "input", "arp extra"); },
     [](Lost& l) {
       l.ask("", "veth1", kSent);
       l.ask("netns1", "veth2", kReceived);
     },
     Step::kNeighbour, "a filter drops the question or the answer: table arp extra"},
    {"ArpOff", [](Lost& l) { l.link("netns1", "veth2").flags |= IFF_NOARP; },
     [](Lost& l) {
       l.ask("", "veth1", kSent);
       l.ask("netns1", "veth2", kReceived);
     },
     Step::kNeighbour, "ARP is off on veth2"},
    {"ArpOffWhereItIsSent", [](Lost& l) { l.link("", "veth1").flags |= IFF_NOARP; },
     [](Lost& l) {
       l.pass(2);
       l.evidence.trace.requests.back().link_destination = MacAddress({2, 0, 0, 0, 9, 9});
     },
     Step::kNeighbour, "ARP is off on veth1 (the node), which asks nobody for a MAC (ip link set veth1 arp on)"},
    {"ArpIgnored", [](Lost& l) { l.state("netns1").sysctls["net.ipv4.conf.veth2.arp_ignore"] = "8"; },
     [](Lost& l) {
       l.ask("", "veth1", kSent);
       l.ask("netns1", "veth2", kReceived);
     },
     Step::kNeighbour, "net.ipv4.conf.veth2.arp_ignore is 8"},
    {"ArpIgnoredForOtherLinksAlone",
     [](Lost& l) {
       l.state("netns1").sysctls["net.ipv4.conf.all.arp_ignore"] = "1";
       l.filter("netns1", "input", "arp extra");
     },
     [](Lost& l) {
       l.ask("", "veth1", kSent);
       l.ask("netns1", "veth2", kReceived);
     },
     Step::kNeighbour, "a filter drops the question or the answer: table arp extra"},
    {"ArpIgnoredEverywhere", [](Lost& l) { l.state("netns1").sysctls["net.ipv4.conf.all.arp_ignore"] = "8"; },
     [](Lost& l) {
       l.ask("", "veth1", kSent);
       l.ask("netns1", "veth2", kReceived);
     },
     Step::kNeighbour, "net.ipv4.conf.all.arp_ignore is 8"},
    {"OwnRouteGone", lose_own_route,
     [](Lost& l) {
       l.ask("", "veth1", kSent);
       l.ask("netns1", "veth2", kReceived);
     },
     Step::kNeighbour, "it has the address, but its kernel's own route to it is gone"},
    {"OwnRouteGoneOfOneThatIsKnown",
     [](Lost& l) {
       lose_own_route(l);
       l.routes["netns1"] = out_of("veth2");
     },
     [](Lost& l) { l.pass(2); }, Step::kRoute,
     "netns1 has the address 10.200.1.1, but its kernel's own route to it is gone"},
    {"NoSource", [](Lost& l) { l.evidence.trace.source.reset(); }, nothing, Step::kSend,
     "the node has no address that it could send from"},
    {"AskedFromNowhere", [](Lost& l) { l.routes["netns1"].system_errno = EHOSTUNREACH; }, [](Lost& l) { l.pass(2); },
     Step::kRoute, "netns1 has no way to 10.200.1.1"},
    {"AnswerLost", nothing,
     [](Lost& l) {
       l.ask("", "veth1", kSent);
       l.ask("netns1", "veth2", kReceived);
       l.ask("netns1", "veth2", kSent, false);
     },
     Step::kNeighbour, "the answer never came back"},
    {"Queued",
     [](Lost& l) {
       l.state("").qdiscs.push_back({"veth1", "netem", 0x10000, 0});
     },
     nothing, Step::kSend, "veth1 has a queueing discipline netem"},
    {"SentElsewhere", [](Lost& l) { l.filter("", "output", "ip nat"); },
     [](Lost& l) {
       l.see(l.evidence.trace.requests, "", "lo", kSent);
       l.evidence.trace.requests.back().destination = ip("10.0.0.2");
     },
     Step::kRewriting, "sent it out of lo instead of veth1, for 10.0.0.2: its destination was rewritten (table ip nat"},
    {"RequestLost", nothing, [](Lost& l) { l.pass(1); }, Step::kWire,
     "the request was dropped between veth1 (the node) and veth2 (netns1)"},
    {"DroppedByTheQueue", [](Lost& l) { l.place("").counted["veth1.queue_dropped"] = 3; }, nothing, Step::kSend,
     "the queueing discipline of veth1 (the node) dropped 3 of them (tc -s qdisc show dev veth1)"},
    {"RequestLostAndCounted", [](Lost& l) { l.place("").counted["veth1.tx_dropped"] = 3; }, [](Lost& l) { l.pass(1); },
     Step::kWire, "veth1 (the node) counts 3 dropped"},
    {"TooLargeForThePeer",
     [](Lost& l) {
       l.link("netns1", "veth2").mtu = 1400;
       l.evidence.trace.packet_size = 1500;
     },
     [](Lost& l) { l.pass(1); }, Step::kWire,
     "its MTU is 1400 (both ends need the same one, 1500 or 1400: ip link set"},
    {"Xdp", [](Lost& l) { l.link("netns1", "veth2").xdp_attached = true; }, [](Lost& l) { l.pass(1); }, Step::kWire,
     "an XDP program"},
    {"AddressedToAnother", nothing,
     [](Lost& l) {
       l.pass_all_there();
       l.evidence.trace.requests.back().link_destination = MacAddress::parse("02:00:00:00:00:99").value();
     },
     Step::kNeighbour, "addressed to 02:00:00:00:00:99, and veth2 is 02:00:00:00:00:04: the node has a wrong"},
    {"NoWayBack", [](Lost& l) { l.back["netns1"].system_errno = ENETUNREACH; }, [](Lost& l) { l.pass_all_there(); },
     Step::kWayBack, "the request reached veth2 (netns1); netns1 has no way back to 10.0.0.2"},
    {"NoWayBackSaysWhatToAdd", [](Lost& l) { l.back["netns1"].system_errno = ENETUNREACH; },
     [](Lost& l) { l.pass_all_there(); }, Step::kWayBack, "A default route is missing"},
    {"ReplyUnresolved",
     [](Lost& l) {
       for (auto& address : l.state("").addresses) address.prefix.address = ip("10.0.0.99");
     },
     [](Lost& l) {
       l.pass_all_there();
       l.asked = ip("10.0.0.2");
       l.ask("netns1", "veth2", kSent);
       l.ask("", "veth1", kReceived);
     },
     Step::kNeighbour,
     "the question arrived at veth1 (the node), and the node did not answer: it has not that address"},
    {"EchoesIgnored", [](Lost& l) { l.state("netns1").sysctls["net.ipv4.icmp_echo_ignore_all"] = "1"; },
     [](Lost& l) { l.pass_all_there(); }, Step::kReceiver,
     "netns1 ignores echo requests: net.ipv4.icmp_echo_ignore_all is 1"},
    {"ReversePathFiltered",
     [](Lost& l) {
       l.place("netns1").counted["TcpExt.IPReversePathFilter"] = 3;
       l.state("netns1").sysctls["net.ipv4.conf.veth2.rp_filter"] = "1";
     },
     [](Lost& l) { l.pass_all_there(); }, Step::kReceiver, "netns1's reverse-path filter dropped 3 of them"},
    {"FilteredWhereItArrives", [](Lost& l) { l.filter("netns1", "input"); }, [](Lost& l) { l.pass_all_there(); },
     Step::kReceiver, "a packet filter of netns1 (INPUT) drops it: table inet extra"},
    {"FilteredByARule",
     [](Lost& l) {
       l.filter("netns1", "input");
       l.filter("netns1", "input", "inet other");
       l.traced("netns1", "c");
     },
     [](Lost& l) { l.pass_all_there(); }, Step::kReceiver,
     "drops it: table inet extra, chain c (1 rule) at hook input: rule 2 of chain c drops it (nft --handle list chain "
     "inet extra c: "
     "handle 7)"},
    {"FilteredByAChainThatIsJumpedTo",
     [](Lost& l) {
       l.filter("netns1", "input");
       l.traced("netns1", "more");
     },
     [](Lost& l) { l.pass_all_there(); }, Step::kReceiver, "drops it: table inet extra: rule 2 of chain more drops it"},
    {"TheRuleOfAnotherHookIsNotMeant",
     [](Lost& l) {
       l.filter("netns1", "input", "inet other");
       l.filter("netns1", "forward");
       l.traced("netns1", "c");
     },
     [](Lost& l) { l.pass_all_there(); }, Step::kReceiver,
     "drops it: table inet other, chain c (1 rule) at hook input"},
    {"AnswerFiltered",
     [](Lost& l) {
       l.filter("netns1", "input");
       l.filter("netns1", "output", "inet other");
       l.place("netns1").counted["Icmp.InEchos"] = 3;
     },
     [](Lost& l) { l.pass_all_there(); }, Step::kReceiver, "(OUTPUT) drops it: table inet other"},
    {"SilentForNoReason", [](Lost& l) { l.place("netns1").counted["Icmp.InEchos"] = 0; },
     [](Lost& l) { l.pass_all_there(); }, Step::kReceiver, "whose counter did not move"},
    {"ReplyLost", nothing, [](Lost& l) { l.pass(2, 1); }, Step::kWire,
     "the reply was dropped between veth2 (netns1) and veth1 (the node)"},
    {"ReplyNotHandedOver", [](Lost& l) { l.filter("", "input"); }, [](Lost& l) { l.pass(2, 2); }, Step::kDelivery,
     "did not hand it over: a packet filter of the node (INPUT): table inet extra"},
    {"NothingListensForWantOfTheAddress", [](Lost& l) { l.state("netns1").addresses.clear(); },
     [](Lost& l) {
       l.evidence.trace.unserved_in = "netns1";
       l.evidence.trace.listen_errno = EADDRNOTAVAIL;
     },
     Step::kReceiver,
     "nothing can listen at 10.200.1.1 in netns1, its kernel says EADDRNOTAVAIL: it has not that address"},
    {"NothingListensForWantOfTheOwnRoute", lose_own_route,
     [](Lost& l) {
       l.evidence.trace.unserved_in = "netns1";
       l.evidence.trace.listen_errno = EADDRNOTAVAIL;
     },
     Step::kReceiver, "EADDRNOTAVAIL: it has the address, but its kernel's own route to it is gone"},
    {"AnotherAnswered", nothing,
     [](Lost& l) {
       IcmpProblem problem;
       problem.from = ip("10.200.1.1");
       problem.type = 3;
       problem.code = 13;
       problem.about_destination = ip("10.200.1.1");
       l.evidence.trace.problems.push_back(problem);
     },
     Step::kForwarding, "that is netns1"},
    {"TtlChanged", [](Lost& l) { l.filter("netns1", "prerouting"); },
     [](Lost& l) {
       l.evidence.trace.all_answered = true;
       l.pass(2, 2);
       l.evidence.trace.requests.back().ttl = 9;
     },
     Step::kRewriting, "something changed the TTL of the request from 64 to 9: a packet filter of netns1"},
    {"AnsweredByAnother", [](Lost& l) { l.filter("", "output", "ip nat"); },
     [](Lost& l) { l.evidence.trace.all_answered = true; }, Step::kRewriting,
     "it was answered, and the request never came to veth1 (the node): the node answers in its stead, for which it has "
     "a "
     "packet filter: table ip nat"},
    {"SourceChangedBeforeItLeft", [](Lost& l) { l.filter("", "postrouting", "ip nat"); },
     [](Lost& l) {
       l.pass(2);
       for (Sighting& sighting : l.evidence.trace.requests) sighting.source = ip("192.0.2.77");
     },
     Step::kRewriting,
     "before it left veth1 (the node) something changed the source of the request from 10.0.0.2 to "
     "192.0.2.77: a packet filter of the node: table ip nat"},
    {"TtlChangedBeforeItLeft", [](Lost& l) { l.state("").sysctls["net.ipv4.ip_default_ttl"] = "63"; },
     [](Lost& l) {
       l.evidence.trace.all_answered = true;
       l.pass(2, 2);
     },
     Step::kRewriting, "before it left veth1 (the node) something changed the TTL of the request from 63 to 64"},
    {"TtlChangedBehindTheLastLink", [](Lost& l) { l.filter("", "input"); },
     [](Lost& l) {
       l.evidence.trace.all_answered = true;
       l.evidence.trace.handed_over_ttl = std::uint8_t{9};
       l.pass(2, 2);
     },
     Step::kRewriting, "behind veth1 (the node) something changed the TTL of the reply from 64 to 9"},
    {"SomeLost", nothing,
     [](Lost& l) {
       l.evidence.trace.any_answered = true;
       l.evidence.trace.sent = 3;
       l.pass(2);
       l.pass(2);
       l.pass(1);
     },
     Step::kLoss, "1 of 3 were lost: the request was dropped between veth1 (the node) and veth2 (netns1)"},
    {"Late",
     [](Lost& l) {
       l.state("netns1").qdiscs.push_back({"veth2", "netem", 0x10000, 0});
     },
     [](Lost& l) {
       l.evidence.trace.any_late = true;
       l.pass(2, 2);
       l.evidence.trace.replies[0].time = l.evidence.trace.replies[1].time = std::chrono::milliseconds(1500);
     },
     Step::kDelay, "1500 ms passed between veth2 (netns1) and veth2 (netns1); veth2 has a queueing discipline netem"},
    {"PermanentNeighbour",
     [](Lost& l) {
       Neighbour entry;
       entry.link = "veth1";
       entry.address = ip("10.200.1.1");
       entry.mac = MacAddress::parse("02:00:00:00:00:04").value();
       entry.state = 0x80;
       l.state("").neighbours.push_back(entry);
     },
     [](Lost& l) {
       l.evidence.trace.all_answered = true;
       l.pass(2, 2);
     },
     Step::kNeighbour, "the node has a permanent neighbour entry for 10.200.1.1 on veth1"},
    {"Refused", [](Lost& l) { l.filter("netns1", "input"); },
     [](Lost& l) {
       l.evidence.trace.kind = PacketTrace::Kind::kTcp;
       l.evidence.trace.connection_refused = true;
       l.pass_all_there();
     },
     Step::kReceiver, "netns1 refused the connection"},
};
INSTANTIATE_TEST_SUITE_P(Rows, FirstBrokenStep, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

// What the kernels themselves tell is said of the place where the packet was seen last, and of no other.
TEST(KernelsReason, IsSaidWhereThePacketWasSeenLast) {
  Lost world = lost();
  world.walk();
  world.pass_all_there();
  world.evidence.drops = {{.link = "veth2", .reason = "IP_RPFILTER", .times = 3},
                          {.link = "veth1", .reason = "OTHERHOST", .times = 1},
                          {.link = "veth2", .reason = "NO_SOCKET", .times = 1}};
  EXPECT_THAT(diagnose(world.evidence).text,
              ::testing::EndsWith("; the kernel's own reason for dropping it, behind veth2: IP_RPFILTER (3 packets)"));
}

TEST(KernelsReason, IsSaidOfWhatNeverLeft) {
  Lost world = lost();
  world.walk();
  world.evidence.drops = {{.link = "", .reason = "NETFILTER_DROP", .times = 1}};
  EXPECT_THAT(diagnose(world.evidence).text,
              ::testing::EndsWith("; the kernel's own reason for dropping it: NETFILTER_DROP (1 packet)"));
}

TEST(KernelsReason, IsNotSaidOfWhatWasAnswered) {
  Lost world = lost();
  world.walk();
  world.evidence.trace.any_answered = true;
  world.evidence.drops = {{.link = "veth2", .reason = "IP_RPFILTER", .times = 3}};
  EXPECT_THAT(diagnose(world.evidence).text, ::testing::Not(HasSubstr("IP_RPFILTER")));
}

TEST(FilterTrace, ThatIsNotWholeSaysSo) {
  Lost world = lost();
  world.filter("netns1", "input");
  world.walk();
  world.pass_all_there();
  world.traced("netns1", "c");
  world.place("netns1").lost_filtered = true;
  EXPECT_THAT(diagnose(world.evidence).text,
              HasSubstr("rule 2 of chain c drops it (nft --handle list chain inet extra c: handle 7) (some of the "
                        "kernel's trace was lost: others may drop it, too)"));
}

}  // namespace
}  // namespace netns_lab
