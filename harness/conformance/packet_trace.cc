#include "harness/conformance/packet_trace.h"

#include <algorithm>
#include <cerrno>

namespace netns_lab {
namespace {

std::uint32_t ip_header(const IpAddress& address) { return address.is_v4() ? 20 : 40; }

constexpr std::uint32_t kIcmpHeader = 8, kUdpHeader = 8;

bool is_about_neighbours(const Sighting& sighting) {
  return sighting.kind == SightingKind::kArp || sighting.kind == SightingKind::kNeighbourDiscovery;
}

}  // namespace

PacketTrace trace_of(const EchoReport& report) {
  PacketTrace trace;
  trace.destination = report.spec.destination;
  trace.source = report.source;
  trace.may_be_translated = report.spec.may_be_translated;
  trace.packet_size = report.spec.payload_size + kIcmpHeader + ip_header(report.spec.destination);
  trace.all_answered = !report.echoes.empty() && report.answered() == report.echoes.size();
  trace.any_answered = report.answered() != 0;
  trace.any_late = std::any_of(report.echoes.begin(), report.echoes.end(), [](const Echo& echo) { return echo.late; });
  trace.sent = static_cast<std::uint32_t>(
      std::count_if(report.echoes.begin(), report.echoes.end(), [](const Echo& echo) { return echo.send_errno == 0; }));
  trace.open_errno = report.open_errno;
  trace.open_text = report.open_text;
  for (const Echo& echo : report.echoes) {
    if (trace.send_errno == 0) trace.send_errno = echo.send_errno;
    if (!trace.handed_over_ttl && echo.reply) trace.handed_over_ttl = echo.reply->ttl;
    // Those of our own kernel say that neighbour resolution failed: what was seen of that says more.
    std::copy_if(echo.problems.begin(), echo.problems.end(), std::back_inserter(trace.problems),
                 [](const IcmpProblem& problem) { return !problem.local; });
  }
  for (const Sighting& sighting : report.sightings) {
    if (is_about_neighbours(sighting)) trace.neighbours.push_back(sighting);
    if (sighting.kind == SightingKind::kRequest) trace.requests.push_back(sighting);
    if (sighting.kind == SightingKind::kReply) trace.replies.push_back(sighting);
  }
  return trace;
}

PacketTrace trace_of(const ExchangeReport& report) {
  const ExchangeSpec& spec = report.spec;
  const bool udp = spec.transport == Transport::kUdp;
  PacketTrace trace;
  trace.kind = udp ? PacketTrace::Kind::kUdp : PacketTrace::Kind::kTcp;
  trace.destination = spec.destination;
  trace.source = report.source;
  trace.may_be_translated = report.spec.may_be_translated;
  // A stream's packets are the kernel's to cut: the first is small.
  trace.packet_size = udp ? spec.payload_size + kUdpHeader + ip_header(spec.destination) : 0;
  trace.all_answered = report.answered != 0 && report.answered == (udp ? spec.count : spec.payload_size);
  trace.any_answered = report.answered != 0;
  if (udp) trace.sent = report.sent;
  trace.connection_refused = report.system_errno == ECONNREFUSED;
  // With these somebody else, or nobody, answered; with all others our own kernel did.
  const bool is_others = report.system_errno == ECONNREFUSED || report.system_errno == ETIMEDOUT ||
                         report.system_errno == ECONNRESET || report.system_errno == EPIPE;
  trace.unserved_in = report.unserved_in;
  if (!report.unserved_in.empty()) {
    trace.listen_errno = report.system_errno;
  } else if (!is_others) {
    trace.send_errno = report.system_errno;
  }
  for (const Sighting& sighting : report.sightings) {
    if (is_about_neighbours(sighting)) trace.neighbours.push_back(sighting);
    if (sighting.kind != SightingKind::kUdp && sighting.kind != SightingKind::kTcp) continue;
    (sighting.sequence == spec.port ? trace.requests : trace.replies).push_back(sighting);
  }
  return trace;
}

}  // namespace netns_lab
