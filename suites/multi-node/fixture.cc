#include "suites/multi-node/fixture.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "harness/testing/matchers.h"
#include "suites/common/parameters.h"

namespace netns_lab::multi_node {
namespace {

constexpr std::uint8_t kFirstTtl = 64;

std::string text_of(const RouteAnswer& answer) {
  std::ostringstream text;
  text << answer;
  return text.str();
}

}  // namespace

void MultiNode::SetUp() {
  NetworkCases::SetUp();
  if (!can_be_judged()) return;
  on_each_node([this] {
    std::vector<EchoSpec> specs;
    for (const Journey& each : truth_table()) specs.push_back(echo(each.from, each.to, kPayload));
    plan(std::move(specs), {});
  });
  std::vector<EchoAcross> echoes;
  std::vector<TalkAcross> talks;
  for (const Passage& each : to_containers()) {
    echoes.push_back(echo_of(each, kPayload));
    if (mtu() == link_mtu_across()) echoes.push_back(echo_of(each, large_payload_across()));
    echoes.push_back(echo_of(each, full_payload_across(), true));
    // The sender's link may take more than what passes: that it is told so leaves something behind, and comes last.
    if (mtu_across() == sender_mtu(each)) echoes.push_back(echo_of(each, full_payload_across() + 1, true));
    for (const Transport transport : {Transport::kUdp, Transport::kTcp}) talks.push_back(talk_of(each, transport));
  }
  for (const Passage& each : to_nodes()) echoes.push_back(echo_of(each, kPayload));
  plan_across(std::move(echoes), std::move(talks));
}

std::string MultiNode::link_in(std::size_t node, const std::string& network_namespace) const {
  for (const Attachment& attachment : on(node).attachments) {
    if (attachment.network_namespace == network_namespace) return attachment.container_link;
  }
  return link_across();
}

MultiNode::Passage MultiNode::passage(std::size_t from, const std::string& from_namespace, const IpAddress& source,
                                      const std::string& to_namespace, const IpAddress& destination) {
  const std::size_t to = other_node(from);
  Passage made;
  made.from = from;
  made.from_namespace = from_namespace;
  made.to_namespace = to_namespace;
  made.source = source;
  made.destination = destination;
  made.way = {place_on(node_name(from), from_namespace), link_in(from, from_namespace),
              place_on(node_name(to), to_namespace), link_in(to, to_namespace)};
  // Each end that is a container has its node before it, as a router.
  made.ttl = static_cast<std::uint8_t>(kFirstTtl - (from_namespace.empty() ? 0 : 1) - (to_namespace.empty() ? 0 : 1));
  return made;
}

std::uint32_t MultiNode::uplink_mtu() {
  const NamespaceState* state = subject().after(0).find_namespace("");
  const Link* uplink = state == nullptr ? nullptr : state->find_link(kUplink);
  return uplink == nullptr ? suites::kEthernetMtu : uplink->mtu;
}

std::vector<MultiNode::Passage> MultiNode::between_containers() {
  std::vector<Passage> all;
  for (const std::size_t from : kNodes) {
    for (const std::size_t sender : kContainers) {
      for (const std::size_t receiver : kContainers) {
        all.push_back(passage(from, container_of(from, sender).network_namespace, ip_of(from, sender),
                              container_of(other_node(from), receiver).network_namespace,
                              ip_of(other_node(from), receiver)));
      }
    }
  }
  return all;
}

std::vector<MultiNode::Passage> MultiNode::from_nodes() {
  std::vector<Passage> all;
  for (const std::size_t from : kNodes) {
    for (const std::size_t receiver : kContainers) {
      all.push_back(passage(from, "", address_across(from), container_of(other_node(from), receiver).network_namespace,
                            ip_of(other_node(from), receiver)));
    }
  }
  return all;
}

std::vector<MultiNode::Passage> MultiNode::to_nodes() {
  std::vector<Passage> all;
  for (const std::size_t from : kNodes) {
    const std::size_t to = other_node(from);
    for (const std::size_t sender : kContainers) {
      for (const IpAddress& destination : {address_across(to), *container_of(to, 0).gateway}) {
        all.push_back(
            passage(from, container_of(from, sender).network_namespace, ip_of(from, sender), "", destination));
      }
    }
  }
  return all;
}

std::vector<MultiNode::Passage> MultiNode::to_containers() {
  std::vector<Passage> all = between_containers();
  for (Passage& each : from_nodes()) all.push_back(std::move(each));
  return all;
}

EchoAcross MultiNode::echo_of(const Passage& passage, std::uint32_t payload, bool dont_fragment) const {
  const auto places = [](const std::string& network_namespace) {
    return network_namespace.empty() ? std::vector<std::string>{""} : std::vector<std::string>{"", network_namespace};
  };
  EchoAcross echo;
  echo.from = passage.from;
  echo.to = other_node(passage.from);
  echo.spec = suites::echoes(passage.from_namespace, passage.destination, payload, dont_fragment,
                             places(passage.from_namespace));
  echo.spec.link = passage.bound_to;
  echo.far_watch = places(passage.to_namespace);
  return echo;
}

TalkAcross MultiNode::talk_of(const Passage& passage, Transport transport) const {
  TalkAcross talk;
  talk.from = passage.from;
  talk.to = other_node(passage.from);
  talk.talk = suites::talk_between(transport, passage.from_namespace, passage.to_namespace, passage.destination);
  talk.talk.client.watch = {passage.from_namespace};
  talk.far_watch = {passage.to_namespace};
  return talk;
}

std::vector<EchoReport> MultiNode::pings_of(const std::vector<Passage>& passages, std::uint32_t payload,
                                            bool dont_fragment, std::uint32_t count) {
  std::vector<EchoAcross> echoes;
  for (const Passage& each : passages) {
    echoes.push_back(echo_of(each, payload, dont_fragment));
    echoes.back().spec.count = count;
  }
  return ping_across_on(subject(), echoes);
}

void MultiNode::expect_answered_across(const Passage& passage, std::uint32_t payload, bool dont_fragment) {
  const EchoAcross echo = echo_of(passage, payload, dont_fragment);
  const EchoReport report = ping(echo);
  EXPECT_THAT(report, EveryEchoAnswered(From(passage.destination), SentFrom(passage.source), Crossing(passage.way),
                                        ArrivingWithTtl(passage.ttl), PayloadIntact()))
      << ways_of(passage) << why(echo, report, passage.way);
}

void MultiNode::expect_talked_across(const Passage& passage, Transport transport) {
  const TalkAcross talk = talk_of(passage, transport);
  const ExchangeReport report = this->talk(talk);
  EXPECT_THAT(report, CameBackIntact(passage.way)) << ways_of(passage) << why(talk, report, passage.way);
}

std::string MultiNode::ways_of(const Passage& passage) {
  struct Question {
    std::size_t node;
    std::string place;
    RouteQuery query;
  };
  std::vector<Question> questions;
  const auto ask = [&](std::size_t node, const std::string& network_namespace, const IpAddress& destination,
                       const IpAddress& source, const std::string& input_link) {
    RouteQuery query;
    query.network_namespace = network_namespace;
    query.destination = destination;
    if (!input_link.empty()) {
      query.source = source;
      query.input_link = input_link;
    }
    questions.push_back({node, place_on(node_name(node), network_namespace), query});
  };
  const std::size_t to = other_node(passage.from);
  ask(passage.from, passage.from_namespace, passage.destination, passage.source, "");
  if (!passage.from_namespace.empty()) ask(passage.from, "", passage.destination, passage.source, bridge::kBridge);
  if (!passage.to_namespace.empty()) {
    ask(to, "", passage.destination, passage.source, link_across());
    ask(to, passage.to_namespace, passage.source, passage.destination, "");
    ask(to, "", passage.source, passage.destination, bridge::kBridge);
  } else {
    ask(to, "", passage.source, passage.destination, "");
  }
  if (!passage.from_namespace.empty()) ask(passage.from, "", passage.source, passage.destination, link_across());
  std::string text = "\nThe kernels on the way there and back would send it:";
  for (const Question& question : questions) {
    const auto answer = subject().node(question.node).lookup(question.query);
    text += fmt::format("\n  {}{} to {}: {}", question.place,
                        question.query.input_link.empty() ? "" : " (taken in by " + question.query.input_link + ")",
                        question.query.destination.to_string(), answer ? text_of(*answer) : answer.error().message());
  }
  return text;
}

std::vector<std::string> MultiNode::too_big_findings(const EchoReport& report, const Passage& passage, bool may_know) {
  std::vector<std::string> findings;
  const auto add = [&](std::string text) { findings.push_back(std::move(text)); };
  if (report.echoes.empty()) return {"no echo was sent: nothing is proved"};
  // A container is told by its own node, which it is too big for; a node by the other one, whose containers it is.
  const IpAddress teller = passage.from_namespace.empty() ? address_across(other_node(passage.from))
                                                          : *container_of(passage.from, 0).gateway;
  // ICMP: destination unreachable, fragmentation needed (RFC 792); ICMPv6: packet too big (RFC 4443, 3.2).
  const std::uint8_t type = v4() ? 3 : 2;
  const std::uint8_t code = v4() ? 4 : 0;
  for (const Echo& echo : report.echoes) {
    const bool knew = may_know && echo.send_errno == EMSGSIZE;
    if (echo.send_errno != 0 && !knew)
      add(fmt::format("the sender's own kernel refused it ({}): it was not sent", errno_name(echo.send_errno)));
    if (echo.reply) add("it was answered");
    if (echo.send_errno == 0 && echo.problems.empty()) add("nobody said that it is too big");
    for (const IcmpProblem& problem : echo.problems) {
      if (problem.local && knew) continue;
      if (problem.type != type || problem.code != code) add("instead " + to_string(problem));
      if (problem.from != teller) add(fmt::format("{} said so, not {}", problem.from.to_string(), teller.to_string()));
      if (problem.mtu != mtu_across())
        add(fmt::format("it was said that {} bytes pass, not {}", problem.mtu, mtu_across()));
    }
  }
  for (std::string& finding : arrival_findings(report, passage.way.far_namespace, passage.way.far_link))
    add(std::move(finding));
  return findings;
}

std::vector<std::string> MultiNode::segment_findings(const EchoReport& report, const Passage& passage) {
  if (report.echoes.empty()) return {"no echo was sent: nothing is proved"};
  const std::size_t to = other_node(passage.from);
  std::vector<std::string> findings;
  const auto mac_of = [&](std::size_t node) {
    const NamespaceState* state = subject().after(node).find_namespace("");
    const Link* uplink = state == nullptr ? nullptr : state->find_link(kUplink);
    return uplink == nullptr ? MacAddress() : uplink->mac;
  };
  struct Look {
    std::size_t node;
    PacketDirection direction;
    SightingKind kind;
    IpAddress source;
    std::size_t receiver;
  };
  const Look looks[] = {
      {passage.from, PacketDirection::kSent, SightingKind::kRequest, passage.source, to},
      {to, PacketDirection::kReceived, SightingKind::kRequest, passage.source, to},
      {to, PacketDirection::kSent, SightingKind::kReply, passage.destination, passage.from},
      {passage.from, PacketDirection::kReceived, SightingKind::kReply, passage.destination, passage.from}};
  for (const Look& look : looks) {
    const std::string what =
        fmt::format("{} {} by {}'s {}", to_string(look.kind),
                    look.direction == PacketDirection::kSent ? "sent" : "taken in", node_name(look.node), kUplink);
    const std::vector<Sighting> seen = report.seen(node_name(look.node), kUplink, look.kind);
    for (const Echo& echo : report.echoes) {
      std::size_t times = 0;
      for (const Sighting& sighting : seen) {
        if (sighting.direction != look.direction || sighting.sequence != echo.sequence ||
            sighting.own_identifier() != report.identifier)
          continue;
        ++times;
        if (sighting.ttl != kFirstTtl - 1)
          findings.push_back(fmt::format("{}: TTL {}, not {}", what, sighting.ttl, kFirstTtl - 1));
        if (sighting.source != look.source) {
          findings.push_back(
              fmt::format("{}: from {}, not from {}", what, sighting.source.to_string(), look.source.to_string()));
        }
        if (sighting.link_destination != mac_of(look.receiver)) {
          findings.push_back(fmt::format("{}: for {}, not for {}'s {}", what, sighting.link_destination.to_string(),
                                         node_name(look.receiver), mac_of(look.receiver).to_string()));
        }
      }
      if (times != 1) findings.push_back(fmt::format("{}: echo {} was seen {} times", what, echo.sequence, times));
    }
  }
  return findings;
}

std::vector<std::string> MultiNode::source_findings(const std::vector<Sighting>& sightings,
                                                    const Passage& passage) const {
  std::vector<std::string> findings;
  std::size_t requests = 0;
  for (const Sighting& sighting : sightings) {
    const bool is_packet = sighting.kind == SightingKind::kRequest || sighting.kind == SightingKind::kReply ||
                           sighting.kind == SightingKind::kUdp || sighting.kind == SightingKind::kTcp;
    if (!is_packet || sighting.direction != PacketDirection::kReceived) continue;
    const bool at_far =
        sighting.network_namespace == passage.way.far_namespace && sighting.link == passage.way.far_link;
    const bool at_near =
        sighting.network_namespace == passage.way.near_namespace && sighting.link == passage.way.near_link;
    if (!at_far && !at_near) continue;
    if (at_far) ++requests;
    const IpAddress& wanted = at_far ? passage.source : passage.destination;
    if (sighting.source == wanted) continue;
    const std::string finding =
        fmt::format("{} arrived at {} ({}) from {}, not from {}", to_string(sighting.kind), sighting.link,
                    sighting.network_namespace, sighting.source.to_string(), wanted.to_string());
    if (std::find(findings.begin(), findings.end(), finding) == findings.end()) findings.push_back(finding);
  }
  if (requests == 0) {
    findings.push_back(fmt::format("nothing arrived at {} ({})", passage.way.far_link, passage.way.far_namespace));
  }
  return findings;
}

}  // namespace netns_lab::multi_node
