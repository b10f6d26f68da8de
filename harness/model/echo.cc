#include "harness/model/echo.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "harness/base/error.h"
#include "harness/model/icmp_text.h"

namespace netns_lab {
namespace {

std::string place(const std::string& network_namespace) {
  return network_namespace.empty() ? "the node" : network_namespace;
}

constexpr std::chrono::milliseconds kWorthTelling{100};

void print_echo(std::ostream& out, const Echo& echo) {
  out << "  #" << echo.sequence << ": ";
  if (echo.send_errno != 0) {
    out << "not sent, " << errno_name(echo.send_errno);
  } else if (echo.reply) {
    out << fmt::format("{} from {} on {} ttl {} in {:.1f} us",
                       echo.late   ? "late reply"
                       : echo.slow ? "slow reply"
                                   : "reply",
                       echo.reply->source.to_string(), echo.reply->arrival_link, echo.reply->ttl,
                       static_cast<double>(echo.reply->round_trip.count()) / 1000.0);
    if (!echo.reply->payload_intact) out << ", PAYLOAD CHANGED";
    if (echo.reply->payload_size != 0) out << fmt::format(", {} bytes", echo.reply->payload_size);
  } else {
    out << "no reply";
  }
  if (echo.duplicates != 0) out << fmt::format(", {} duplicates", echo.duplicates);
  out << '\n';
  for (const IcmpProblem& problem : echo.problems) out << "    " << to_string(problem) << '\n';
}

}  // namespace

std::string to_string(const IcmpProblem& problem) {
  std::string text = problem.local ? "our own kernel" : problem.from.to_string();
  text += " says: " + icmp_text(problem.from.family(), problem.type, problem.code);
  if (problem.mtu != 0) text += fmt::format(" (MTU {})", problem.mtu);
  return text + ", about our packet to " + problem.about_destination.to_string();
}

std::string to_string(SightingKind kind) {
  switch (kind) {
    case SightingKind::kRequest:
      return "request";
    case SightingKind::kReply:
      return "reply";
    case SightingKind::kProblem:
      return "problem";
    case SightingKind::kArp:
      return "arp";
    case SightingKind::kNeighbourDiscovery:
      return "neighbour-discovery";
    case SightingKind::kUdp:
      return "udp";
    case SightingKind::kTcp:
      return "tcp";
    case SightingKind::kOther:
      return "other";
  }
  return std::to_string(static_cast<unsigned>(kind));
}

std::string to_string(PacketDirection direction) {
  switch (direction) {
    case PacketDirection::kReceived:
      return "received";
    case PacketDirection::kSent:
      return "sent";
  }
  return std::to_string(static_cast<unsigned>(direction));
}

std::ostream& operator<<(std::ostream& out, const Sighting& sighting) {
  out << fmt::format("{} {} on {} in {}: {} > {}", to_string(sighting.kind), to_string(sighting.direction),
                     sighting.link, place(sighting.network_namespace), sighting.source.to_string(),
                     sighting.destination.to_string());
  if (sighting.kind == SightingKind::kUdp || sighting.kind == SightingKind::kTcp) {
    out << fmt::format(" ports {} > {}", sighting.identifier, sighting.sequence);
  } else if (sighting.kind == SightingKind::kRequest || sighting.kind == SightingKind::kReply) {
    out << fmt::format(" id {} #{}", sighting.identifier, sighting.sequence);
  }
  if (sighting.kind == SightingKind::kArp) {
    out << (sighting.identifier == 1 ? " asks" : sighting.identifier == 2 ? " answers" : " other operation");
  } else {
    out << fmt::format(" ttl {} {} bytes{}", sighting.ttl, sighting.payload_size,
                       sighting.payload_intact ? " intact" : "");
    if (sighting.sent_as) out << fmt::format(" sent as {}", *sighting.sent_as);
    if (sighting.fragments != 1) out << fmt::format(" in {} fragments", sighting.fragments);
  }
  if (!sighting.advertised.is_zero()) out << " advertises " << sighting.advertised;
  return out << fmt::format(" ({} > {})", sighting.link_source.to_string(), sighting.link_destination.to_string());
}

std::uint32_t EchoReport::answered() const {
  return static_cast<std::uint32_t>(
      std::count_if(echoes.begin(), echoes.end(), [](const Echo& echo) { return echo.answered(); }));
}

std::vector<Sighting> EchoReport::seen(const std::string& network_namespace, const std::string& link,
                                       SightingKind kind) const {
  std::vector<Sighting> found;
  std::copy_if(sightings.begin(), sightings.end(), std::back_inserter(found), [&](const Sighting& sighting) {
    return sighting.network_namespace == network_namespace && sighting.link == link && sighting.kind == kind;
  });
  return found;
}

std::ostream& operator<<(std::ostream& out, const EchoReport& report) {
  out << fmt::format("echo from {}{} to {}, {} bytes{}: {} of {} answered", place(report.spec.network_namespace),
                     report.source ? " (" + report.source->to_string() + ")" : std::string(),
                     report.spec.destination.to_string(), report.spec.payload_size,
                     report.spec.dont_fragment ? ", don't fragment" : "", report.answered(), report.echoes.size());
  out << '\n';
  if (report.open_errno != 0) {
    out << fmt::format("  the socket could not be opened: {} {}\n", errno_name(report.open_errno), report.open_text);
  }
  for (const Echo& echo : report.echoes) print_echo(out, echo);
  for (const Sighting& sighting : report.sightings) out << "  seen: " << sighting << '\n';
  if (report.foreign_replies != 0) out << fmt::format("  {} replies match no request\n", report.foreign_replies);
  if (report.capture_drops != 0) out << fmt::format("  the capture lost {} packets\n", report.capture_drops);
  if (report.starved >= kWorthTelling) {
    out << fmt::format("  this machine kept the probe from running for {} ms\n",
                       std::chrono::duration_cast<std::chrono::milliseconds>(report.starved).count());
  }
  return out;
}

}  // namespace netns_lab
