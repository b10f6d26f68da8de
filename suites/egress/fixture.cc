#include "suites/egress/fixture.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "harness/base/text.h"
#include "harness/testing/matchers.h"

namespace netns_lab::egress {
namespace {

constexpr std::uint8_t kTtl = 64;
constexpr unsigned kClaims = 16;          // with identifiers of their own
constexpr unsigned kOfOneClaim = 4;       // identifiers
constexpr std::uint16_t kDiscard = 9;     // RFC 863; nobody listens there in a lab
constexpr std::uint16_t kServer = 7'007;  // for two clients of one port

::testing::Matcher<const ExchangeReport&> CameBack() {
  return finds_nothing<ExchangeReport>("everything sent comes back intact", [](const ExchangeReport& report) {
    return exchange_findings(report, std::nullopt);
  });
}

std::string only_answered(const Talk& talk) {
  return fmt::format("the server in {} answers only whom its socket knows as {}",
                     talk.server.network_namespace.empty() ? "the node" : talk.server.network_namespace,
                     talk.server.only_from->to_string());
}

std::string text_of(const std::string& network_namespace) {
  return network_namespace.empty() ? "the node" : network_namespace;
}

// Of what came to the far end with the sender's own address: that is the cause, whatever became of it there.
template <typename Report>
std::string untranslated(const Report& report, const Way& way, const IpAddress& own) {
  const bool is_seen = std::any_of(report.sightings.begin(), report.sightings.end(), [&](const Sighting& seen) {
    return seen.network_namespace == way.far_namespace && seen.link == way.far_link &&
           seen.direction == PacketDirection::kReceived && seen.source == own;
  });
  if (!is_seen) return "";
  return fmt::format(
      "\nWhy: the node passed it on with {}, the container's own address: no rule of it masquerades it, or "
      "it is not tracked (nft list ruleset)",
      own.to_string());
}

}  // namespace

IpAddress Egress::outside_address() {
  for (const IpAddress& address : subject().hello().outside_addresses) {
    if (address.family() == family() && !address.is_link_local()) return address;
  }
  lab_failed(Error::missing("an address of the outside node", "the lab tells none of this family"));
}

std::uint32_t Egress::uplink_mtu() {
  const Link* uplink = link("", subject().hello().uplink);
  return uplink == nullptr ? mtu() : uplink->mtu;
}

std::string Egress::link_of(const std::string& network_namespace) {
  for (const std::size_t container : kContainers) {
    if (con(container).network_namespace == network_namespace) return con(container).container_link;
  }
  return subject().hello().uplink;
}

Way Egress::way_out(const std::string& network_namespace) {
  const protocol::HelloReply& outside = value(subject().outside())->hello();
  return {place_on(node_name(0), network_namespace), link_of(network_namespace), outside.node, outside.uplink};
}

EchoAcross Egress::echo_out(const std::string& network_namespace, std::uint32_t payload, bool dont_fragment) {
  EchoAcross echo;
  echo.to = kOutside;
  std::vector<std::string> places{""};
  if (!network_namespace.empty()) places.push_back(network_namespace);
  echo.spec = suites::echoes(network_namespace, outside_address(), payload, dont_fragment, places);
  echo.spec.may_be_translated = !network_namespace.empty();
  echo.far_watch = {""};
  return echo;
}

std::uint16_t Egress::identifier_of(unsigned claim) {
  // Another run on the same node begins elsewhere: a worker is a process.
  constexpr unsigned kOfOneRun = kClaims * kOfOneClaim;
  const auto run = static_cast<unsigned>(::getpid()) % (60'000 / kOfOneRun);
  return static_cast<std::uint16_t>(1'000 + run * kOfOneRun + claim % kClaims * kOfOneClaim);
}

std::vector<EchoReport> Egress::echoes_out(Subject& subject, unsigned claim, std::vector<EchoAcross> echoes) {
  echoes.front().spec.identifier = identifier_of(claim);
  return ping_across_on(subject, echoes);
}

TalkAcross Egress::talk_out(const std::string& network_namespace, Transport transport) {
  TalkAcross talk;
  talk.to = kOutside;
  talk.talk = suites::talk_between(transport, network_namespace, "", outside_address());
  talk.talk.client.watch = {network_namespace};
  talk.talk.client.may_be_translated = !network_namespace.empty();
  talk.far_watch = {""};
  return talk;
}

std::string Egress::why_here(Subject& subject, const EchoAcross& echo, const EchoReport& report, const Way& way) {
  return &subject == &this->subject() ? why(echo, report, way) : "";  // it asks the node that is looked at
}

void Egress::expect_masqueraded(Subject& subject, unsigned claim, std::uint32_t payload, bool dont_fragment,
                                bool in_fragments) {
  std::vector<EchoAcross> echoes;
  for (const std::size_t container : kContainers)
    echoes.push_back(echo_out(con(container).network_namespace, payload, dont_fragment));
  const std::vector<EchoReport> reports = echoes_out(subject, claim, echoes);
  for (const std::size_t container : kContainers) {
    const Way way = way_out(con(container).network_namespace);
    const auto claimed = EveryEchoAnswered(From(outside_address()), SentFrom(uplink_address()), Crossing(way),
                                           ArrivingWithTtl(kTtl - 1), PayloadIntact());
    const EchoReport& report = reports.at(container);
    const std::string cause = untranslated(report, way, address_of(con(container)));
    EXPECT_THAT(report, claimed) << (cause.empty() ? why_here(subject, echoes.at(container), report, way) : cause);
    if (in_fragments) {
      EXPECT_THAT(reports.at(container), EveryEchoAnswered(Crossing(way), InFragments()));
    }
  }
}

void Egress::expect_source(const ExchangeReport& report, const Way& way, const IpAddress& source, std::uint8_t ttl) {
  const SightingKind kind = report.spec.transport == Transport::kUdp ? SightingKind::kUdp : SightingKind::kTcp;
  for (const Sighting& seen : report.sightings) {
    const bool is_request = seen.network_namespace == way.far_namespace && seen.link == way.far_link &&
                            seen.direction == PacketDirection::kReceived && seen.kind == kind &&
                            seen.sequence == report.spec.port;
    if (!is_request || (seen.source == source && seen.ttl == ttl)) continue;
    const std::string what =
        fmt::format("{} from {} arrived at {} ({})", to_string(report.spec.transport),
                    text_of(report.spec.network_namespace), way.far_link, text_of(way.far_namespace));
    if (seen.source != source) {
      ADD_FAILURE() << what << " from " << seen.source << ", not from " << source;
    } else {
      ADD_FAILURE() << what << " with TTL " << unsigned{seen.ttl} << ", not " << unsigned{ttl}
                    << (ttl < kTtl && seen.ttl == kTtl ? ": the node did not pass it on, it sent it itself" : "");
    }
    return;
  }
}

void Egress::expect_masqueraded(Transport transport) {
  for (const std::size_t container : kContainers) {
    const std::string& name = con(container).network_namespace;
    const ExchangeReport report = talk(talk_out(name, transport));
    const std::string cause = untranslated(report, way_out(name), address_of(con(container)));
    EXPECT_THAT(report, CameBackIntact(way_out(name)))
        << (cause.empty() ? why(talk_out(name, transport), report, way_out(name)) : cause);
    expect_source(report, way_out(name), uplink_address(), kTtl - 1);
  }
}

void Egress::expect_answers_apart() {
  for (const std::size_t container : kContainers) {
    const EchoAcross echo = echo_out(con(container).network_namespace, kPayload);
    // One after the other, with the same identifier.
    const EchoReport report = echoes_out(subject(), 15, {echo}).front();
    EXPECT_THAT(report, EveryEchoAnswered(From(outside_address()), PayloadIntact()))
        << con(container).network_namespace << ", identifier " << report.identifier;
  }
  for (const Transport transport : kTransports) {
    for (const std::size_t container : kContainers) {
      TalkAcross same = talk_out(con(container).network_namespace, transport);
      same.talk.client.source_port = identifier_of(15);
      same.talk.server.port = kServer;
      EXPECT_THAT(talk(same), CameBack()) << con(container).network_namespace << ", port " << identifier_of(15);
    }
  }
}

void Egress::expect_containers_own_source() {
  expect_reached(both_ways(0, 1), {});
  for (const auto& [from, to] : both_ways(0, 1)) {
    for (const Transport transport : kTransports) {
      Talk own = suites::talk_between(transport, from.network_namespace, to.network_namespace, address_of(to));
      own.server.only_from = address_of(from);
      const ExchangeReport report = talk(own);
      EXPECT_THAT(report, CameBackIntact(way(from, to))) << only_answered(own);
      expect_source(report, way(from, to), address_of(from), kTtl);
    }
  }
}

void Egress::expect_node_sees_own_source() {
  for (const std::size_t container : kContainers) {
    const Attachment& from = con(container);
    const Way way{from.network_namespace, from.container_link, "", bridge::kBridge};
    for (const IpAddress& to : {uplink_address(), *from.gateway}) {
      const EchoReport report =
          ping_on(subject(), suites::echoes(from.network_namespace, to, kPayload, false, {"", from.network_namespace}));
      EXPECT_THAT(report, EveryEchoAnswered(From(to), SentFrom(address_of(from)), Crossing(way), ArrivingWithTtl(kTtl),
                                            PayloadIntact()))
          << why(report, way);
    }
    for (const Transport transport : kTransports) {
      Talk own = suites::talk_between(transport, from.network_namespace, "", uplink_address());
      own.server.only_from = address_of(from);
      const ExchangeReport report = talk(own);
      EXPECT_THAT(report, CameBackIntact(way)) << only_answered(own);
      expect_source(report, way, address_of(from), kTtl);
    }
  }
}

void Egress::expect_node_untouched() {
  const Way way = way_out("");
  const EchoAcross echo = echo_out("", kPayload);
  const EchoReport report = echoes_out(subject(), 14, {echo}).front();
  EXPECT_THAT(report, EveryEchoAnswered(From(outside_address()), SentFrom(uplink_address()), Crossing(way),
                                        ArrivingWithTtl(kTtl), PayloadIntact()))
      << why(echo, report, way);
  for (const Transport transport : kTransports) {
    const ExchangeReport talked = talk(talk_out("", transport));
    EXPECT_THAT(talked, CameBackIntact(way));
    expect_source(talked, way, uplink_address(), kTtl);
  }
}

void Egress::expect_errors_come_back() {
  // The outside is the lab's own: it shall not save errors (icmp_ratelimit, Documentation/networking/ip-sysctl.rst).
  value(value(subject().outside())
            ->apply({SetSysctl{"", v4() ? "net.ipv4.icmp_ratelimit" : "net.ipv6.icmp.ratelimit", "0"}}));
  for (const std::size_t container : kContainers) {
    ExchangeSpec spec;
    spec.network_namespace = con(container).network_namespace;
    spec.transport = Transport::kUdp;
    spec.destination = outside_address();
    spec.port = kDiscard;
    spec.count = 1;
    spec.watch = {spec.network_namespace};
    const ExchangeReport report = value(node().exchange(spec));
    attach([report] { return fmt::format("{} datagrams were sent, {}", report.sent, report.system_errno); });
    EXPECT_EQ(report.system_errno, ECONNREFUSED)
        << "of a datagram to " << spec.destination << " port " << spec.port << ", where nobody listens, the socket of "
        << spec.network_namespace << " was told "
        << (report.system_errno == 0 ? "nothing" : errno_name(report.system_errno))
        << "; ECONNREFUSED was expected, by the outside's ICMP error";
  }
}

void Egress::expect_nat_table() {
  const TableName name = [this] {
    const auto& tables = topology().build;
    for (const Change& change : tables) {
      if (const auto* table = std::get_if<CreateNftTable>(&change)) return TableName{table->family, table->name};
    }
    return TableName();
  }();
  const std::string wanted = nft_table_text(name.family, name.name);
  std::vector<std::string> others;
  for (const PacketFilter& table : state("")->nft_tables) {
    if (!declared().has_nft_table("", table.name)) {
      others.push_back(table.name);
      continue;
    }
    EXPECT_FALSE(table.is_dormant) << "the table is dormant: " << table;
    EXPECT_GT(table.rules, 0U) << "the table holds no rule: " << table;
    return;
  }
  ADD_FAILURE() << "the node has no nft table " << wanted << "; it has "
                << (others.empty() ? "none" : join(others, ", "))
                << ". What the target's is called is told by --param NFT_TABLE=\"FAMILY NAME\"";
}

void Egress::expect_gateway_chosen_out() {
  for (const std::size_t container : kContainers) {
    const Attachment& from = con(container);
    ASSERT_NE(state(from.network_namespace), nullptr) << "there is no " << place_text(from.network_namespace);
    RouteQuery query;
    query.network_namespace = from.network_namespace;
    query.destination = outside_address();
    EXPECT_THAT(lookup(query), Chooses(from.container_link, from.gateway, address_of(from)));
  }
}

}  // namespace netns_lab::egress
