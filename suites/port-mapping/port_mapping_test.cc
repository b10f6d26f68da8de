// What must hold of a published port (scenario.h draws the network, requirements.cc words the claims).
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "harness/testing/matchers.h"
#include "suites/bridge/settings_cases.h"
#include "suites/port-mapping/fixture.h"

namespace netns_lab::port_mapping {
namespace {

constexpr auto kNoOutside = "this lab has no outside node to ask from; use --lab sandbox";

constexpr auto kUntold =
    "this node's bridges send packets through the rules, and the target was not told so: give --param BRIDGE_NF=1";

NETNS_LAB_SUITE(PortMapping, "port-mapping");

NETNS_LAB_DECLARED(PortMapping, "port-mapping");
NETNS_LAB_BRIDGE_SETTINGS(PortMapping, "port-mapping");

// ---- from the outside ----

TEST_P(PortMapping, TcpFromTheOutsideIsServed) {
  REQUIREMENT("port-mapping.tcp");
  if (!subject().has_outside()) GTEST_SKIP() << kNoOutside;
  for (const Visit& each : visit({both(Client::kOutside, mapped()).back()}, both_containers()))
    expect_none(each, exchange_findings(each.report, std::nullopt));
}

TEST_P(PortMapping, UdpFromTheOutsideIsServed) {
  REQUIREMENT("port-mapping.udp");
  if (!subject().has_outside()) GTEST_SKIP() << kNoOutside;
  for (const Visit& each : visit({both(Client::kOutside, mapped()).front()}, both_containers()))
    expect_none(each, exchange_findings(each.report, std::nullopt));
}

TEST_P(PortMapping, ItArrivesAtTheContainersOwnPort) {
  REQUIREMENT("port-mapping.destination");
  if (!subject().has_outside()) GTEST_SKIP() << kNoOutside;
  const std::vector<Visit> visits = visit(both(Client::kOutside, mapped()), both_containers());
  // That one of the transports is not mapped at all is another claim's to tell.
  const bool is_any =
      std::any_of(visits.begin(), visits.end(), [&](const Visit& each) { return !arrived(each).empty(); });
  for (const Visit& each : visits) {
    if (!arrived(each).empty() || !is_any) expect_none(each, destination_findings(arrived(each), want_of(each)));
    const auto astray = arrivals(each.at_con2, each.call.transport, of_con2(0).address, mapped());
    if (astray.empty()) continue;
    expect_none(each, {fmt::format("{} from {} to {} arrives at {}, at port {}", to_string(each.call.transport),
                                   text_of(each.call.client), to_string(mapped()), text_of(Client::kCon2),
                                   astray.front().sequence)});
  }
}

TEST_P(PortMapping, TheSourceIsAsDeclared) {
  REQUIREMENT("port-mapping.source");
  if (!subject().has_outside()) GTEST_SKIP() << kNoOutside;
  const IpAddress expected = mapping().preserves_source ? outside_address() : mapping().bridge;
  const std::vector<Visit> visits = visit(both(Client::kOutside, mapped()), {service()});
  const bool is_any =
      std::any_of(visits.begin(), visits.end(), [&](const Visit& each) { return !arrived(each).empty(); });
  for (const Visit& each : visits) {
    if (!arrived(each).empty() || !is_any) expect_none(each, source_findings(arrived(each), want_of(each, {expected})));
  }
}

TEST_P(PortMapping, AnswersComeFromWhereWasAsked) {
  REQUIREMENT("port-mapping.answer");
  if (!subject().has_outside()) GTEST_SKIP() << kNoOutside;
  const std::vector<Visit> visits = visit(both(Client::kOutside, mapped()), {service()});
  const bool is_any =
      std::any_of(visits.begin(), visits.end(), [](const Visit& each) { return each.report.answered > 0; });
  for (const Visit& each : visits) {
    // What never arrived is not answered: that one of the transports is not mapped is told above.
    if (is_any && arrived(each).empty()) continue;
    expect_none(each, answer_findings(each.at_outside, client_of(each), want_of(each)));
  }
}

// ---- from the containers, and from the node ----

TEST_P(PortMapping, TheOtherContainerIsServed) {
  REQUIREMENT("port-mapping.hairpin-other");
  if (meets_rules_untold()) GTEST_SKIP() << kUntold;
  for (const Visit& each : visit(both(Client::kCon2, mapped()), {service()})) expect_served_by_con1(each);
}

TEST_P(PortMapping, TheContainerItselfIsServed) {
  REQUIREMENT("port-mapping.hairpin-self");
  if (meets_rules_untold()) GTEST_SKIP() << kUntold;
  for (const Visit& each : visit(both(Client::kCon1, mapped()), {service()})) expect_served_by_con1(each);
}

TEST_P(PortMapping, TheNodeItselfIsServed) {
  REQUIREMENT("port-mapping.node-itself");
  for (const Visit& each : visit(both(Client::kNode, mapped()), {service()})) expect_served_by_con1(each);
}

TEST_P(PortMapping, TheNodeMakesItselfTheSender) {
  REQUIREMENT("port-mapping.hairpin-source");
  const Mapping declared_mapping = mapping();
  const auto sources_of = [&](Client client) {
    std::vector<IpAddress> sources = {declared_mapping.bridge};
    // On a bridge that calls the rules the answer is translated back there, whoever it is for.
    if (client == Client::kCon2 && declared_mapping.bridge_calls_nf == true) sources.push_back(of_con2(0).address);
    if (client == Client::kNode && declared_mapping.preserves_source) sources.push_back(uplink_address());
    return sources;
  };
  std::vector<Call> calls;
  for (const Client client : {Client::kCon1, Client::kCon2, Client::kNode}) {
    for (Call& call : both(client, mapped())) calls.push_back(std::move(call));
  }
  bool is_any = false;
  for (const Visit& each : visit(calls, {service()})) {
    if (arrived(each).empty()) continue;  // told above
    is_any = true;
    expect_none(each, source_findings(arrived(each), want_of(each, sources_of(each.call.client))));
  }
  EXPECT_TRUE(is_any) << "nothing from the containers and the node to " << to_string(mapped())
                      << " arrives at the container: nothing is proved";
}

// ---- nothing else ----

TEST_P(PortMapping, OtherPortsAreNotTheContainers) {
  REQUIREMENT("port-mapping.other-ports");
  if (!subject().has_outside()) GTEST_SKIP() << kNoOutside;
  const Mapping declared_mapping = mapping();
  std::vector<std::uint16_t> ports;
  for (const int port : {declared_mapping.host_port + 1, declared_mapping.host_port - 1,
                         static_cast<int>(declared_mapping.container_port)}) {
    if (port > 0 && port < 65'536 && port != declared_mapping.host_port)
      ports.push_back(static_cast<std::uint16_t>(port));
  }
  std::vector<Call> calls = both(Client::kOutside, mapped());  // the control
  for (const std::uint16_t port : ports) {
    for (Call& call : both(Client::kOutside, {uplink_address(), port})) {
      call.reply_wait = kNegativeWait;
      calls.push_back(std::move(call));
    }
  }
  bool is_any = false;
  for (const Visit& each : visit(calls, both_containers())) {
    if (each.call.to == mapped()) {
      is_any = is_any || !arrived(each).empty();
    } else {
      expect_not_taken(each);
    }
  }
  EXPECT_TRUE(is_any) << "nothing from the outside to " << to_string(mapped())
                      << " arrives at the container either: nothing is proved";
  // The node's own answer has crossed no router.
  EchoSpec echo = suites::echoes("", uplink_address(), kPayload, false, {});
  const EchoReport report = value(value(subject().outside())->ping(echo));
  EXPECT_THAT(report, EveryEchoAnswered(From(uplink_address()), PayloadIntact()));
  for (const Echo& each : report.echoes) {
    EXPECT_EQ(each.reply ? each.reply->ttl : 64, 64) << "an echo to the node is answered from behind it";
  }
}

TEST_P(PortMapping, OtherAddressesKeepTheirPort) {
  REQUIREMENT("port-mapping.other-addresses");
  const Endpoint second = of_con2(mapped().port);
  std::vector<Service> services = {service()};
  if (second != server()) services.push_back({Client::kCon2, second});
  std::vector<Call> calls = both(Client::kCon1, second);
  if (!subject().has_outside()) {
    for (const Visit& each : visit(calls, services)) {
      expect_not_taken(each);
      expect_none(each, exchange_findings(each.report, std::nullopt));
    }
    return;
  }
  const Joined joined = join_outside();
  const Endpoint outside{outside_address(), mapped().port};
  services.push_back({Client::kOutside, outside});
  for (const Client client : {Client::kCon1, Client::kCon2, Client::kNode}) {
    for (Call& call : both(client, outside)) calls.push_back(std::move(call));
  }
  for (const Visit& each : visit(calls, services)) {
    expect_not_taken(each);
    expect_none(each, exchange_findings(each.report, std::nullopt));
  }
}

TEST_P(PortMapping, TheContainersOwnAddressWorksAsWell) {
  REQUIREMENT("port-mapping.direct");
  std::vector<Call> calls;
  for (const Client client : {Client::kCon2, Client::kNode}) {
    for (Call& call : both(client, server())) calls.push_back(std::move(call));
  }
  const auto judge = [&](const std::vector<Visit>& visits) {
    for (const Visit& each : visits) {
      const Client client = each.call.client;
      const IpAddress own = client == Client::kCon2   ? of_con2(0).address
                            : client == Client::kNode ? mapping().bridge
                                                      : outside_address();
      std::vector<std::string> findings = exchange_findings(each.report, std::nullopt);
      for (std::string& finding : source_findings(arrived(each), want_of(each, {own})))
        findings.push_back(std::move(finding));
      expect_none(each, findings);
    }
  };
  if (!subject().has_outside()) {
    judge(visit(calls, {service()}));
    return;
  }
  const Joined joined = join_outside();
  for (Call& call : both(Client::kOutside, server())) calls.push_back(std::move(call));
  judge(visit(calls, {service()}));
}

// ---- how it carries ----

TEST_P(PortMapping, ClientsWithTheSamePortAreKeptApart) {
  REQUIREMENT("port-mapping.same-ports");
  if (!subject().has_outside()) GTEST_SKIP() << kNoOutside;
  const std::vector<Client> clients = {Client::kCon2, Client::kCon1, Client::kOutside};
  for (Call call : both(Client::kCon2, mapped())) {
    const bool udp = call.transport == Transport::kUdp;
    // The kernel chooses a port for the first, which may be taken for one of the others: that is the clients' own
    // affair, and it chooses anew.
    constexpr int kMostPorts = 5;
    std::vector<Visit> visits;
    for (int tried = 0; tried < kMostPorts; ++tried) {
      call.client = Client::kCon2;
      call.source_port = 0;
      const std::vector<Visit> first = visit({call}, {service()});
      call.source_port = first.front().report.source_port;
      std::vector<Call> calls;
      for (int round = 0; round < (udp ? 2 : 1); ++round) {
        for (const Client client : clients) {
          // Its connection of this port has just ended.
          if (!udp && client == Client::kCon2) continue;
          call.client = client;
          calls.push_back(call);
        }
      }
      visits = visit(calls, {service()});
      const bool is_taken = std::any_of(visits.begin(), visits.end(), [](const Visit& each) {
        return each.report.system_errno == EADDRINUSE || each.report.system_errno == EADDRNOTAVAIL;
      });
      visits.insert(visits.begin(), first.front());
      if (!is_taken) break;
    }
    for (const Visit& each : visits) expect_served_by_con1(each);
  }
}

TEST_P(PortMapping, LargeDatagramsPass) {
  REQUIREMENT("port-mapping.large-datagrams");
  if (!some_are_over_mtu()) GTEST_SKIP() << "no IP packet is larger than an MTU of " << mtu();
  const Link* uplink = link("", subject().hello().uplink);
  std::vector<Call> calls;
  for (const Client client : clients_but_con1()) {
    // Where the links differ it is a matter of the path's MTU, which a sender remembers for 600 s.
    if (client == Client::kOutside && uplink != nullptr && mtu() != uplink->mtu) continue;
    Call call = both(client, mapped()).front();
    call.payload = large_payload();
    calls.push_back(call);
  }
  for (const Visit& each : visit(calls, {service()})) {
    std::vector<std::string> findings = exchange_findings(each.report, std::nullopt);
    const bool in_pieces = std::any_of(each.at_con1.begin(), each.at_con1.end(), [&](const IpHeader& packet) {
      return packet.is_fragment && packet.destination == server().address;
    });
    if (!in_pieces) {
      findings.push_back(
          fmt::format("{}: no fragment of it arrives at {}", text_of(each.call.client), text_of(Client::kCon1)));
    }
    expect_none(each, findings);
  }
}

TEST_P(PortMapping, AClosedPortIsToldAtOnce) {
  REQUIREMENT("port-mapping.refused");
  std::vector<Call> calls;
  for (const Client client : clients_but_con1()) {
    for (Call& call : both(client, mapped())) {
      call.datagrams = 1;  // a kernel tells few errors to one address
      calls.push_back(std::move(call));
    }
  }
  for (const Visit& each : visit(calls, {})) {
    std::vector<std::string> findings;
    if (each.report.system_errno != ECONNREFUSED) {
      findings.push_back(fmt::format(
          "{} from {} to {} should be refused ({}), and {}", to_string(each.call.transport), text_of(each.call.client),
          to_string(mapped()), errno_name(ECONNREFUSED),
          each.report.system_errno != 0 ? "is told " + errno_name(each.report.system_errno) : "is told nothing"));
    }
    for (std::string& finding : destination_findings(arrived(each), want_of(each)))
      findings.push_back(std::move(finding));
    const bool is_udp_from_outside = each.call.client == Client::kOutside && each.call.transport == Transport::kUdp;
    if (is_udp_from_outside) {
      for (std::string& finding : error_findings(each.at_outside, outside_address(), uplink_address(), want_of(each)))
        findings.push_back(std::move(finding));
    }
    expect_none(each, findings);
  }
}

// ---- life ----

NETNS_LAB_LIFE(PortMapping, "port-mapping", {
  const std::vector<Call> calls = both(subject.has_outside() ? Client::kOutside : Client::kCon2, mapped());
  for (const Visit& each : visit(subject, calls, {service()})) expect_served_by_con1(each);
});

}  // namespace
}  // namespace netns_lab::port_mapping
