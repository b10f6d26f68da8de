#include "harness/conformance/reachability.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/conformance/declaration.h"

namespace netns_lab {
namespace {

// Sighting::identifier of neighbour resolution: RFC 826; RFC 4861, 4.3 and 4.4.
constexpr std::uint16_t kArpRequest = 1, kArpReply = 2, kNeighbourSolicitation = 135, kNeighbourAdvertisement = 136;

// Identical findings are told once, in the order of their first occurrence.
class Tally {
 public:
  void add(const std::string& finding) {
    if (counts_[finding]++ == 0) order_.push_back(finding);
  }
  std::vector<std::string> lines(std::size_t of) const {
    std::vector<std::string> lines;
    for (const auto& finding : order_) {
      const std::size_t count = counts_.at(finding);
      lines.push_back(count == 1 && of == 1 ? finding : fmt::format("{} of {}: {}", count, of, finding));
    }
    return lines;
  }
  bool empty() const { return order_.empty(); }

 private:
  std::map<std::string, std::size_t> counts_;
  std::vector<std::string> order_;
};

std::string interface_text(const std::string& link, const std::string& network_namespace) {
  return fmt::format("{} ({})", link, network_namespace.empty() ? "the node" : network_namespace);
}

bool is_at(const Sighting& sighting, const std::string& network_namespace, const std::string& link) {
  return sighting.network_namespace == network_namespace && sighting.link == link;
}

std::vector<Sighting> echoes_seen(const EchoReport& report, const std::string& network_namespace,
                                  const std::string& link, SightingKind kind, PacketDirection direction,
                                  std::uint16_t sequence) {
  std::vector<Sighting> seen;
  for (const Sighting& sighting : report.sightings) {
    if (is_at(sighting, network_namespace, link) && sighting.kind == kind && sighting.direction == direction &&
        sighting.own_identifier() == report.identifier && sighting.sequence == sequence) {
      seen.push_back(sighting);
    }
  }
  return seen;
}

std::vector<std::string> unusable(const EchoReport& report) {
  if (report.open_errno != 0) {
    return {fmt::format("no echo could be sent to {}: {}", report.spec.destination.to_string(), report.open_text)};
  }
  if (report.echoes.empty())
    return {fmt::format("no echo was sent to {}: nothing is proved", report.spec.destination.to_string())};
  return {};
}

void judge_request(const EchoReport& report, const EchoExpectation& want, const Echo& echo, Tally& tally) {
  const Way& way = *want.way;
  const auto arrived = echoes_seen(report, way.far_namespace, way.far_link, SightingKind::kRequest,
                                   PacketDirection::kReceived, echo.sequence);
  const std::string far = interface_text(way.far_link, way.far_namespace);
  if (arrived.empty()) {
    tally.add("the request was not seen arriving at " + far);
    return;
  }
  if (arrived.size() > 1) tally.add(fmt::format("the request arrived {} times at {}", arrived.size(), far));
  const Sighting& request = arrived.front();
  if (want.request_from && request.source != *want.request_from) {
    tally.add(fmt::format("the request arrived at {} from {}, not from {}", far, request.source.to_string(),
                          want.request_from->to_string()));
  }
  if (want.ttl && request.ttl != *want.ttl)
    tally.add(fmt::format("the request arrived at {} with TTL {}, not {}", far, request.ttl, *want.ttl));
  if (want.payload_intact && !request.payload_intact)
    tally.add(fmt::format("the request's payload was changed on its way to {}", far));
  if (want.payload_intact && request.payload_size != report.spec.payload_size) {
    tally.add(fmt::format("the request arrived at {} with {} bytes of payload, not {}", far, request.payload_size,
                          report.spec.payload_size));
  }
  if (want.fragmented && request.fragments < 2)
    tally.add(fmt::format("the request arrived at {} in one piece, not in fragments", far));
}

void judge_way_back(const EchoReport& report, const EchoExpectation& want, const Echo& echo, Tally& tally) {
  const Way& way = *want.way;
  const auto back = echoes_seen(report, way.near_namespace, way.near_link, SightingKind::kReply,
                                PacketDirection::kReceived, echo.sequence);
  if (back.empty())
    tally.add("the reply was not seen coming back at " + interface_text(way.near_link, way.near_namespace));
  // What never leaves its namespace passes lo, but IPv6 names the interface of the address it came for (ip6_rcv_core,
  // net/ipv6/ip6_input.c).
  const bool stays = way.near_namespace == way.far_namespace && way.near_link == way.far_link;
  if (!stays && echo.reply && echo.reply->arrival_link != way.near_link) {
    tally.add(fmt::format("the reply came in at {}, not at {}", echo.reply->arrival_link, way.near_link));
  }
}

void judge_echo(const EchoReport& report, const EchoExpectation& want, const Echo& echo, Tally& tally) {
  if (echo.send_errno != 0) {
    tally.add(fmt::format("the sender's kernel refused the request: {}", errno_name(echo.send_errno)));
    return;
  }
  for (const IcmpProblem& problem : echo.problems) tally.add(to_string(problem));
  if (!echo.reply) {
    tally.add("no reply");
  } else {
    if (echo.late) tally.add("the reply came too late");
    if (echo.duplicates > 0) tally.add(fmt::format("{} further replies came for one request", echo.duplicates));
    if (want.reply_from && echo.reply->source != *want.reply_from) {
      tally.add(fmt::format("the reply came from {}, not from {}", echo.reply->source.to_string(),
                            want.reply_from->to_string()));
    }
    if (want.ttl && echo.reply->ttl != *want.ttl) {
      tally.add(fmt::format("the reply came with TTL {}, not {}", echo.reply->ttl, *want.ttl));
    }
    if (want.payload_intact && !echo.reply->payload_intact) tally.add("the reply's payload is not what was sent");
  }
  if (want.way) {
    judge_request(report, want, echo, tally);
    if (echo.reply) judge_way_back(report, want, echo, tally);
  }
}

}  // namespace

std::string to_string(const Way& way) {
  return interface_text(way.near_link, way.near_namespace) + " to " + interface_text(way.far_link, way.far_namespace);
}

std::vector<std::string> echo_findings(const EchoReport& report, const EchoExpectation& want) {
  if (auto findings = unusable(report); !findings.empty()) return findings;
  Tally tally;
  for (const Echo& echo : report.echoes) judge_echo(report, want, echo, tally);
  auto findings = tally.lines(report.echoes.size());
  if (report.foreign_replies > 0)
    findings.push_back(fmt::format("{} replies came that match no request", report.foreign_replies));
  return findings;
}

std::vector<std::string> refusal_findings(const EchoReport& report, int system_errno, const Way& way) {
  if (auto findings = unusable(report); !findings.empty()) return findings;
  Tally tally;
  for (const Echo& echo : report.echoes) {
    if (echo.send_errno == 0)
      tally.add(
          fmt::format("the sender's kernel sent the packet; it had to refuse it with {}", errno_name(system_errno)));
    if (echo.send_errno != 0 && echo.send_errno != system_errno) {
      tally.add(fmt::format("the sender's kernel refused the packet with {}, not with {}", errno_name(echo.send_errno),
                            errno_name(system_errno)));
    }
    if (echo.reply) tally.add("it was answered");
    const auto arrived = echoes_seen(report, way.far_namespace, way.far_link, SightingKind::kRequest,
                                     PacketDirection::kReceived, echo.sequence);
    if (!arrived.empty()) tally.add("it was seen arriving at " + interface_text(way.far_link, way.far_namespace));
  }
  return tally.lines(report.echoes.size());
}

std::vector<std::string> exchange_findings(const ExchangeReport& report, const std::optional<Way>& way) {
  const ExchangeSpec& spec = report.spec;
  const std::string what =
      fmt::format("{} to {} port {}", to_string(spec.transport), spec.destination.to_string(), spec.port);
  if (!report.unserved_in.empty()) {
    return {fmt::format("{} to {}: nothing could listen there, in {}: {}", to_string(spec.transport),
                        spec.destination.to_string(), report.unserved_in, errno_name(report.system_errno))};
  }
  if (report.system_errno != 0) return {fmt::format("{}: {}", what, errno_name(report.system_errno))};
  std::vector<std::string> findings;
  const bool udp = spec.transport == Transport::kUdp;
  const std::string unit = udp ? "datagrams" : "bytes";
  const std::uint32_t wanted = udp ? spec.count : spec.payload_size;
  if (wanted == 0) return {what + ": nothing was to be sent, nothing is proved"};
  if (report.sent != wanted)
    findings.push_back(fmt::format("{}: {} of {} {} were sent", what, report.sent, wanted, unit));
  if (report.answered != wanted)
    findings.push_back(fmt::format("{}: {} of {} {} came back", what, report.answered, wanted, unit));
  if (report.answered > 0 && !report.payload_intact) findings.push_back(what + ": what came back is not what was sent");
  if (!way) return findings;
  const SightingKind kind = udp ? SightingKind::kUdp : SightingKind::kTcp;
  // Both ways: the requests at the far interface, what came back at the near one.
  const auto arrived_at = [&](const std::string& network_namespace, const std::string& link, bool is_answer) {
    return std::count_if(report.sightings.begin(), report.sightings.end(), [&](const Sighting& sighting) {
      return is_at(sighting, network_namespace, link) && sighting.kind == kind &&
             sighting.direction == PacketDirection::kReceived &&
             (is_answer ? sighting.identifier : sighting.sequence) == spec.port;
    });
  };
  const auto far = arrived_at(way->far_namespace, way->far_link, false);
  const auto near = arrived_at(way->near_namespace, way->near_link, true);
  const std::string far_text = interface_text(way->far_link, way->far_namespace);
  const std::string near_text = interface_text(way->near_link, way->near_namespace);
  if (far == 0) findings.push_back(fmt::format("{}: nothing of it was seen arriving at {}", what, far_text));
  if (report.answered > 0 && near == 0)
    findings.push_back(fmt::format("{}: nothing of the answer was seen arriving at {}", what, near_text));
  // A TCP stream's segments are the kernel's to cut and join.
  if (udp && far > 0 && far != wanted)
    findings.push_back(fmt::format("{}: {} datagrams were seen arriving at {}, not {}", what, far, far_text, wanted));
  if (udp && near > 0 && near != report.answered) {
    findings.push_back(
        fmt::format("{}: {} answers were seen arriving at {}, not {}", what, near, near_text, report.answered));
  }
  return findings;
}

std::vector<std::string> arrival_findings(const EchoReport& report, const std::string& network_namespace,
                                          const std::string& link) {
  if (auto findings = unusable(report); !findings.empty()) return findings;
  std::vector<std::string> findings;
  for (const Sighting& sighting : report.sightings) {
    if (is_at(sighting, network_namespace, link) && sighting.direction == PacketDirection::kReceived &&
        sighting.kind == SightingKind::kRequest) {
      findings.push_back(fmt::format("request {} from {} arrived at {} with TTL {}", sighting.sequence,
                                     sighting.source.to_string(), interface_text(link, network_namespace),
                                     sighting.ttl));
    }
  }
  if (report.answered() > 0)
    findings.push_back(fmt::format("{} of {} echoes were answered", report.answered(), report.echoes.size()));
  return findings;
}

std::vector<std::string> delivery_findings(const EchoReport& report, const std::string& network_namespace,
                                           const std::string& link, std::uint8_t ttl) {
  if (auto findings = unusable(report); !findings.empty()) return findings;
  Tally tally;
  const std::string far = interface_text(link, network_namespace);
  for (const Echo& echo : report.echoes) {
    const auto arrived =
        echoes_seen(report, network_namespace, link, SightingKind::kRequest, PacketDirection::kReceived, echo.sequence);
    if (echo.send_errno != 0)
      tally.add(fmt::format("the sender's kernel refused the request: {}", errno_name(echo.send_errno)));
    for (const IcmpProblem& problem : echo.problems) tally.add(to_string(problem));
    if (arrived.empty()) tally.add("the request was not seen arriving at " + far);
    if (!arrived.empty() && arrived.front().ttl != ttl)
      tally.add(fmt::format("the request arrived at {} with TTL {}, not {}", far, arrived.front().ttl, ttl));
  }
  return tally.lines(report.echoes.size());
}

std::vector<std::string> resolution_findings(const EchoReport& report, const Way& way, const MacAddress& near_mac,
                                             const MacAddress& far_mac) {
  if (auto findings = unusable(report); !findings.empty()) return findings;
  const bool v4 = report.spec.destination.is_v4();
  const SightingKind kind = v4 ? SightingKind::kArp : SightingKind::kNeighbourDiscovery;
  const std::string protocol = v4 ? "ARP" : "neighbour discovery";
  const std::string near = interface_text(way.near_link, way.near_namespace);
  const std::string far = interface_text(way.far_link, way.far_namespace);
  const std::uint16_t question = v4 ? kArpRequest : kNeighbourSolicitation;
  const std::uint16_t answer = v4 ? kArpReply : kNeighbourAdvertisement;
  bool asked = false;
  bool answered = false;
  std::vector<std::string> findings;
  for (const Sighting& sighting : report.sightings) {
    if (sighting.kind != kind || sighting.direction != PacketDirection::kReceived) continue;
    const bool at_far = is_at(sighting, way.far_namespace, way.far_link);
    if (at_far && sighting.identifier == question && sighting.link_source == near_mac) asked = true;
    if (!is_at(sighting, way.near_namespace, way.near_link) || sighting.identifier != answer) continue;
    if (sighting.link_source == far_mac && sighting.advertised == far_mac) {
      answered = true;
    } else {
      findings.push_back(fmt::format("an {} answer arrived at {} from {} and names {}; {}'s MAC is {}", protocol, near,
                                     sighting.link_source.to_string(), sighting.advertised.to_string(), way.far_link,
                                     far_mac.to_string()));
    }
  }
  if (!asked) {
    findings.insert(findings.begin(), fmt::format("no {} request of {} was seen arriving at {}", protocol, near, far));
  }
  if (!answered) {
    findings.push_back(fmt::format("no {} answer with {}'s own MAC {} came back to {}", protocol, way.far_link,
                                   far_mac.to_string(), near));
  }
  return findings;
}

}  // namespace netns_lab
