// The judgements of nodes that route between their containers (MultiNode::judge_…), in the order in which one rests on
// another.
#include "harness/base/text.h"
#include "harness/testing/matchers.h"
#include "suites/common/forwarding.h"
#include "suites/multi-node/fixture.h"

namespace netns_lab::multi_node {

void MultiNode::judge_nodes_forward() {
  on_each_node([this] {
    const auto& sysctls = state("")->sysctls;
    std::vector<std::string> keys = {suites::forwarding_sysctl(family())};
    for (const Link& each : state("")->links)
      keys.push_back((v4() ? "net.ipv4.conf." : "net.ipv6.conf.") + each.name + ".forwarding");
    for (const std::string& key : keys) {
      const auto found = sysctls.find(key);
      if (found != sysctls.end() && found->second == "1") continue;
      ADD_FAILURE()
          << key << " is " << (found == sysctls.end() ? std::string("not there") : found->second)
          << "; it must be 1, or this node does not pass on what comes from the other node's containers: sysctl -w "
          << key << "=1";
    }
  });
}

void MultiNode::judge_nodes_have_exactly_one_route() {
  on_each_node([this] { EXPECT_THAT(*state(""), HasExactlyRoute(declared_route(""))); });
}

void MultiNode::judge_nodes_kernels_choose_the_other_node() {
  on_each_node([this] {
    const std::size_t other = other_node(looked_at());
    for (const std::size_t container : kContainers) {
      RouteQuery query;
      query.destination = ip_of(other, container);
      EXPECT_THAT(lookup(query), Chooses(link_across(), address_across(other), address_across(looked_at())));
    }
  });
}

void MultiNode::judge_nodes_kernels_forward() {
  on_each_node([this] {
    const std::size_t other = other_node(looked_at());
    for (const std::size_t container : kContainers) {
      RouteQuery out;
      out.source = ip_of(looked_at(), container);
      out.destination = ip_of(other, container);
      out.input_link = bridge::kBridge;
      EXPECT_THAT(lookup(out), Chooses(link_across(), address_across(other)));
      RouteQuery in;
      in.source = ip_of(other, container);
      in.destination = ip_of(looked_at(), container);
      in.input_link = link_across();
      EXPECT_THAT(lookup(in), Chooses(bridge::kBridge, std::nullopt));
    }
  });
}

void MultiNode::judge_containers_kernels_choose_their_bridge() {
  on_each_node([this] {
    for (const std::size_t container : kContainers) {
      for (const std::size_t remote : kContainers) {
        RouteQuery query;
        query.network_namespace = con(container);
        query.destination = ip_of(other_node(looked_at()), remote);
        EXPECT_THAT(lookup(query), Chooses(inner(container), bridge_address(), address(container)));
      }
    }
  });
}

void MultiNode::judge_containers_reach_those_of_the_other_node() {
  for (const Passage& each : between_containers()) expect_answered_across(each, kPayload);
}

void MultiNode::judge_nodes_reach_each_others_containers() {
  for (const Passage& each : from_nodes()) expect_answered_across(each, kPayload);
}

void MultiNode::judge_containers_reach_the_other_node() {
  for (const Passage& each : to_nodes()) expect_answered_across(each, kPayload);
}

void MultiNode::judge_echoes_of_the_full_mtu_are_answered() {
  for (const Passage& each : to_containers()) expect_answered_across(each, full_payload_across(), true);
}

void MultiNode::judge_fragmented_echoes_are_answered() {
  const std::vector<Passage> passages = to_containers();
  // Where less passes than the sender's link takes, its kernel must have learned how much (an IPv6 router fragments
  // nothing: RFC 8200, 4.5). Whoever, as sender or as the one that answers, has not been told yet (that depends on what
  // was judged before) is told by an echo that is too big.
  std::vector<EchoReport> reports;
  const std::uint32_t payload = large_payload_across();
  if (mtu() == link_mtu_across()) {
    for (const Passage& each : passages) reports.push_back(ping(echo_of(each, payload)));
  } else {
    std::vector<Passage> all = passages;
    for (Passage& each : to_nodes()) all.push_back(std::move(each));
    pings_of(all, full_payload_across() + 1, true, 1);
    reports = pings_of(passages, payload);
  }
  for (std::size_t i = 0; i < passages.size(); ++i) {
    const Passage& each = passages[i];
    EXPECT_THAT(reports.at(i), EveryEchoAnswered(From(each.destination), SentFrom(each.source), Crossing(each.way),
                                                 ArrivingWithTtl(each.ttl), PayloadIntact(), InFragments()))
        << ways_of(each) << why(echo_of(each, payload), reports.at(i), each.way);
  }
}

void MultiNode::judge_udp_is_echoed() {
  for (const Passage& each : to_containers()) expect_talked_across(each, Transport::kUdp);
}

void MultiNode::judge_tcp_is_echoed() {
  for (const Passage& each : to_containers()) expect_talked_across(each, Transport::kTcp);
}

void MultiNode::judge_sources_are_unchanged() {
  for (const Passage& each : between_containers()) {
    const auto claim = [&](const auto& sent, const auto& report) {
      const std::vector<std::string> findings = source_findings(report.sightings, each);
      EXPECT_TRUE(findings.empty()) << to_string(each.way) << ":\n  - " << join(findings, "\n  - ")
                                    << why(sent, report, each.way);
    };
    const EchoAcross echo = echo_of(each, kPayload);
    claim(echo, ping(echo));
    for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
      const TalkAcross talked = talk_of(each, transport);
      claim(talked, talk(talked));
    }
  }
}

void MultiNode::judge_two_nodes_rebuild() {
  judge_rebuild([this](Subject& subject) {
    std::vector<EchoAcross> echoes;
    for (const Passage& each : to_containers()) echoes.push_back(echo_of(each, kPayload));
    const std::vector<EchoReport> reports = ping_across_on(subject, echoes);
    for (std::size_t i = 0; i < reports.size(); ++i) {
      const Passage each = to_containers().at(i);
      EXPECT_THAT(reports.at(i), EveryEchoAnswered(From(each.destination), SentFrom(each.source), Crossing(each.way),
                                                   ArrivingWithTtl(each.ttl), PayloadIntact()));
    }
  });
}

}  // namespace netns_lab::multi_node
