#include "suites/port-mapping/fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>
#include <utility>

#include "harness/base/text.h"
#include "harness/testing/matchers.h"
#include "suites/common/forwarding.h"

namespace netns_lab::port_mapping {
namespace {

constexpr std::array kTransports = {Transport::kUdp, Transport::kTcp};
constexpr std::size_t kFileHeader = 24;  // of a pcap

std::string text_of(const IpHeader& packet) {
  const char* protocol = packet.protocol == 17  ? "UDP"
                         : packet.protocol == 6 ? "TCP"
                         : packet.is_error      ? "error"
                                                : "IP";
  return fmt::format("{} {}:{} > {}:{}{}", protocol, packet.source.to_string(), packet.identifier,
                     packet.destination.to_string(), packet.sequence, packet.is_fragment ? " (a piece)" : "");
}

std::string seen_text(const char* where, const std::vector<IpHeader>& packets) {
  constexpr std::size_t kMost = 6;
  std::string text = fmt::format("  seen {}: {} packets\n", where, packets.size());
  for (std::size_t i = 0; i < std::min(packets.size(), kMost); ++i) text += "    " + text_of(packets[i]) + "\n";
  return text;
}

// A capture that is read piece by piece.
class Tap {
 public:
  Tap(Node& node, protocol::Handle handle) : node_(&node), handle_(handle) {}

  // What passed since the last time. `other_ports`: those of earlier calls, whose last packets may come late.
  Result<std::vector<IpHeader>> take(const std::vector<std::uint16_t>& other_ports) {
    std::string pcap = header_;
    for (;;) {
      protocol::ReadRequest request;
      request.handle = handle_;
      NETNS_LAB_ASSIGN(Node::Chunk chunk, node_->read(request));
      if (chunk.reply.drops != 0) return tl::unexpected(Error::internal("capture", "the kernel dropped packets"));
      if (chunk.output.empty()) break;
      pcap += chunk.output;
    }
    if (header_.empty()) header_ = pcap.substr(0, kFileHeader);
    if (pcap.size() <= kFileHeader) return std::vector<IpHeader>{};
    NETNS_LAB_ASSIGN(const std::vector<UnderlayPacket> packets, read_underlay(pcap, {.port = 0, .vxlan = false}));
    std::vector<IpHeader> taken;
    const auto is_other = [&](std::uint16_t port) {
      return port != 0 && std::find(other_ports.begin(), other_ports.end(), port) != other_ports.end();
    };
    for (const UnderlayPacket& packet : packets) {
      if (!is_other(packet.outer.identifier) && !is_other(packet.outer.sequence)) taken.push_back(packet.outer);
    }
    return taken;
  }
  Result<void> close() { return node_->close(handle_); }

 private:
  Node* node_;
  protocol::Handle handle_;
  std::string header_;
};

}  // namespace

std::vector<PortMapping::Client> PortMapping::clients_but_con1() {
  std::vector<Client> clients = {Client::kCon2, Client::kNode};
  if (subject().has_outside()) clients.insert(clients.begin(), Client::kOutside);
  return clients;
}

std::string PortMapping::namespace_of(Client client) const {
  if (client == Client::kCon1) return topology().namespaces.at(0);
  if (client == Client::kCon2) return topology().namespaces.at(1);
  return "";
}

std::string PortMapping::text_of(Client client) const {
  if (client == Client::kOutside) return "the outside";
  if (client == Client::kNode) return "the node";
  return namespace_of(client);
}

std::string PortMapping::link_text(Client number) const {
  const Attachment& one = container(number == Client::kCon1 ? 0 : 1);
  return fmt::format("{} ({})", one.container_link, one.network_namespace);
}

Node& PortMapping::node_of(Subject& subject, Client client) {
  return client == Client::kOutside ? *value(subject.outside()) : subject.node();
}

std::vector<PortMapping::Visit> PortMapping::visit(Subject& subject, const std::vector<Call>& calls,
                                                   const std::vector<Service>& services) {
  const auto open_tap = [&](Node& node, const std::string& network_namespace,
                            const std::string& link) -> std::optional<Tap> {
    const auto handle = node.capture({.network_namespace = network_namespace, .link = link});
    if (handle) return Tap(node, *handle);
    if (!server_lies_in_the_subject(handle.error())) lab_failed(handle.error());
    ADD_FAILURE() << handle.error().message();
    return std::nullopt;
  };
  std::array<std::optional<Tap>, 3> taps;
  for (const std::size_t number : {0U, 1U})
    taps.at(number) = open_tap(subject.node(), container(number).network_namespace, container(number).container_link);
  if (subject.has_outside()) {
    Node& outside = *value(subject.outside());
    taps[2] = open_tap(outside, "", outside.hello().uplink);
  }

  std::vector<std::pair<Node*, protocol::Handle>> servers;
  for (const Service& each : services) {
    for (const Transport transport : kTransports) {
      ServeSpec spec;
      spec.network_namespace = namespace_of(each.at);
      spec.transport = transport;
      spec.address = each.endpoint.address;
      spec.port = each.endpoint.port;
      Node& node = node_of(subject, each.at);
      const auto opened = node.serve(spec);
      if (opened) {
        servers.emplace_back(&node, opened->handle);
      } else if (server_lies_in_the_subject(opened.error())) {
        ADD_FAILURE() << opened.error().message();
      } else {
        lab_failed(opened.error());
      }
    }
  }

  std::vector<Visit> visits;
  std::vector<std::uint16_t> ports;
  Patience patience;
  for (const Call& call : calls) {
    ExchangeSpec spec;
    spec.network_namespace = namespace_of(call.client);
    spec.transport = call.transport;
    spec.destination = call.to.address;
    spec.port = call.to.port;
    spec.payload_size = call.payload;
    spec.count = call.datagrams;
    spec.source_port = call.source_port;
    spec.reply_wait = call.reply_wait;
    spec.reply_wait = patience.wait_of(spec);
    Visit visit;
    visit.call = call;
    visit.report = value(node_of(subject, call.client).exchange(spec));
    patience.note(visit.report);
    std::vector<std::uint16_t> others = ports;
    for (const std::uint16_t port : {visit.report.source_port, server().port, call.to.port}) std::erase(others, port);
    const std::array into = {&visit.at_con1, &visit.at_con2, &visit.at_outside};
    for (std::size_t i = 0; i < taps.size(); ++i) {
      if (taps.at(i)) *into.at(i) = value(taps.at(i)->take(others));
    }
    ports.push_back(visit.report.source_port);
    visits.push_back(std::move(visit));
  }
  for (const auto& [node, handle] : servers) value(node->close(handle));
  for (std::optional<Tap>& tap : taps) {
    if (tap) value(tap->close());
  }
  return visits;
}

PortMapping::Joined PortMapping::join_outside() {
  AddRoute back;
  back.route.destination = container(0).addresses.front().network();
  Node& outside = *value(subject().outside());
  NextHop hop;
  hop.link = outside.hello().uplink;
  hop.gateway = uplink_address();
  back.route.hops = {hop};
  value(outside.apply({back}));
  return {outside, back};
}

Mapping PortMapping::mapping() { return value(mapping_of(parameters(), family())); }

bool PortMapping::meets_rules_untold() {
  if (mapping().bridge_calls_nf) return false;
  const NamespaceState* node = before().find_namespace("");
  if (node == nullptr) return false;
  const auto found = node->sysctls.find(suites::bridge_netfilter_sysctl(family()));
  return found != node->sysctls.end() && found->second == "1";
}

Endpoint PortMapping::server() const {
  return {address_of(container(0)), mapping_of(parameters(), family())->container_port};
}

Endpoint PortMapping::of_con2(std::uint16_t port) const { return {address_of(container(1)), port}; }

IpAddress PortMapping::outside_address() { return outside_address(subject()); }
IpAddress PortMapping::outside_address(Subject& subject) {
  for (const IpAddress& address : subject.hello().outside_addresses) {
    if (address.family() == family() && !address.is_link_local()) return address;
  }
  lab_failed(Error::missing("an address of the outside node", "the lab tells none of this family"));
}

// A server at the second one as well, so that what goes astray there is answered and seen.
std::vector<PortMapping::Service> PortMapping::both_containers() {
  return {service(), {Client::kCon2, of_con2(server().port)}};
}

std::vector<PortMapping::Call> PortMapping::both(Client client, const Endpoint& to) {
  std::vector<Call> calls;
  for (const Transport transport : kTransports) {
    Call call;
    call.client = client;
    call.transport = transport;
    call.to = to;
    if (transport == Transport::kTcp) call.payload = 6'000;  // four times the MTU: TCP fills segments
    calls.push_back(call);
  }
  return calls;
}

Translation PortMapping::want_of(const Visit& visit, std::vector<IpAddress> sources) {
  Translation want;
  want.transport = visit.call.transport;
  want.client = text_of(visit.call.client);
  want.place = link_text(Client::kCon1);
  want.mapped = visit.call.to;
  want.server = server();
  want.sources = std::move(sources);
  return want;
}

Endpoint PortMapping::client_of(const Visit& visit) {
  return {visit.report.source.value_or(IpAddress()), visit.report.source_port};
}

std::vector<IpHeader> PortMapping::arrived(const Visit& visit) {
  return arrivals(visit.at_con1, visit.call.transport, server().address, visit.call.to);
}

void PortMapping::expect_none(const Visit& visit, const std::vector<std::string>& findings) {
  if (findings.empty()) return;
  std::ostringstream report;
  report << visit.report;
  ADD_FAILURE() << "  - " << join(findings, "\n  - ") << "\n"
                << report.str() << seen_text(("at " + link_text(Client::kCon1)).c_str(), visit.at_con1)
                << seen_text(("at " + link_text(Client::kCon2)).c_str(), visit.at_con2)
                << seen_text("at the outside", visit.at_outside);
}

void PortMapping::expect_served_by_con1(const Visit& visit) {
  std::vector<std::string> findings = exchange_findings(visit.report, std::nullopt);
  for (std::string& finding : findings) finding = text_of(visit.call.client) + ": " + finding;
  for (std::string& finding : destination_findings(arrived(visit), want_of(visit)))
    findings.push_back(std::move(finding));
  expect_none(visit, findings);
}

void PortMapping::expect_not_taken(const Visit& visit) {
  std::vector<std::string> findings;
  const auto look = [&](Client at, const std::vector<IpHeader>& packets, const IpAddress& own) {
    if (visit.call.to.address == own) return;  // it was asked
    for (const IpHeader& packet : arrivals(packets, visit.call.transport, own, visit.call.to)) {
      std::string finding =
          fmt::format("{} from {} to {} is taken to {} port {}", to_string(visit.call.transport),
                      text_of(visit.call.client), to_string(visit.call.to), link_text(at), packet.sequence);
      if (std::find(findings.begin(), findings.end(), finding) == findings.end())
        findings.push_back(std::move(finding));
    }
  };
  look(Client::kCon1, visit.at_con1, address_of(container(0)));
  look(Client::kCon2, visit.at_con2, address_of(container(1)));
  expect_none(visit, findings);
}

}  // namespace netns_lab::port_mapping
