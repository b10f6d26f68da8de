#include "suites/bridge/fixture.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/testing/matchers.h"

namespace netns_lab::bridge {

void Bridge::SetUp() {
  NetworkCases::SetUp();
  if (!can_be_judged()) return;
  std::vector<EchoSpec> specs;
  for (const Journey& each : truth_table()) specs.push_back(echo(each.from, each.to, kPayload));
  for (const Journey& each : crossing()) {
    specs.push_back(echo(each.from, each.to, large_payload()));
    for (const std::uint32_t payload : about_full_payloads()) specs.push_back(echo(each.from, each.to, payload, true));
  }
  std::vector<Talk> talked;
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    for (auto& [talk, way] : talks(transport)) talked.push_back(std::move(talk));
  }
  plan(std::move(specs), std::move(talked));
}

std::vector<DeclaredLink> Bridge::links_of_part_2() const {
  std::vector<DeclaredLink> links = declared().links;
  std::erase_if(links, [](const DeclaredLink& link) {
    return link.name != kBridge && std::none_of(kPairs.begin(), kPairs.end(), [&](const Pair& pair) {
             return link.name == pair.port || link.name == pair.inner;
           });
  });
  return links;
}

std::string Bridge::link_of(const std::string& network_namespace) const {
  for (const std::size_t container : kContainers) {
    if (network_namespace == con(container)) return inner(container);
  }
  return kBridge;
}

Way Bridge::way(const std::string& from, const std::string& to) const {
  if (from == to) return {from, "lo", to, "lo"};
  return {from, link_of(from), to, link_of(to)};
}

EchoSpec Bridge::echo(const std::string& from, const IpAddress& to, std::uint32_t payload, bool dont_fragment) const {
  return suites::echoes(from, to, payload, dont_fragment, {"", con(0), con(1)});
}

Bridge::Journey Bridge::journey(const std::string& from, const std::string& to, const IpAddress& destination) {
  Journey made;
  made.from = from;
  made.to = destination;
  made.way = way(from, to);
  // To an own address from that address; else from the one on the link.
  made.source = from == to ? destination : from.empty() ? bridge_address() : address(from == con(0) ? 0 : 1);
  return made;
}

Bridge::Journey Bridge::between(std::size_t from, std::size_t to) { return journey(con(from), con(to), address(to)); }
Bridge::Journey Bridge::from_node(std::size_t to) { return journey("", con(to), address(to)); }
Bridge::Journey Bridge::to_node(std::size_t from) { return journey(con(from), "", uplink_address()); }
Bridge::Journey Bridge::to_bridge(std::size_t from) { return journey(con(from), "", bridge_address()); }

std::vector<Bridge::Journey> Bridge::truth_table() {
  std::vector<Journey> table;
  for (const std::string& from : {std::string(), con(0), con(1)}) {
    for (const IpAddress& to : {uplink_address(), bridge_address()}) table.push_back(journey(from, "", to));
    for (const std::size_t container : kContainers) table.push_back(journey(from, con(container), address(container)));
  }
  return table;
}

std::vector<Bridge::Journey> Bridge::crossing() {
  std::vector<Journey> journeys;
  for (const std::size_t container : kContainers) {
    journeys.push_back(between(container, other(container)));
    journeys.push_back(from_node(container));
    journeys.push_back(to_node(container));
  }
  return journeys;
}

void Bridge::expect_answered(const Journey& journey, std::uint32_t payload, bool dont_fragment) {
  const EchoReport report = ping(echo(journey.from, journey.to, payload, dont_fragment));
  EXPECT_THAT(report, EveryEchoAnswered(From(journey.to), SentFrom(journey.source), Crossing(journey.way),
                                        ArrivingWithTtl(64), PayloadIntact()))
      << why(report, journey.way);
}

std::vector<std::pair<Talk, Way>> Bridge::talks(Transport transport) {
  std::vector<std::pair<Talk, Way>> all;
  for (const Journey& each : crossing())
    all.emplace_back(suites::talk_between(transport, each.from, each.way.far_namespace, each.to), each.way);
  return all;
}

void Bridge::expect_owner_known(const Link* owner, const IpAddress& address) {
  for (const DeclaredLink& each : declared().links)
    expect_known_by(owner, state(each.network_namespace), each.name, address);
}

IpAddress Bridge::outside_address(Subject& subject) {
  for (const IpAddress& address : subject.hello().outside_addresses) {
    if (address.family() == family() && !address.is_link_local()) return address;
  }
  lab_failed(Error::missing("an address of the outside node", "the lab tells none of this family"));
}

void Bridge::join_outside(Subject& subject) {
  AddRoute back;
  back.route.destination = own(0).network();
  Node& outside = *value(subject.outside());
  NextHop hop;
  hop.link = outside.hello().uplink;
  hop.gateway = uplink_address();
  back.route.hops = {hop};
  value(outside.apply({back}));
}

void Bridge::set_forwarding(Subject& subject, bool on) {
  value(subject.node().apply(
      {SetSysctl{"", v4() ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding", on ? "1" : "0"}}));
}

EchoSpec Bridge::echo_outside(Subject& subject, std::size_t container, std::chrono::milliseconds reply_wait) {
  EchoSpec spec = suites::echoes(con(container), outside_address(subject), kPayload, false, {"", con(container)});
  spec.reply_wait = reply_wait;
  return spec;
}

}  // namespace netns_lab::bridge
