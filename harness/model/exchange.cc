#include "harness/model/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <ostream>

#include "harness/base/error.h"

namespace netns_lab {

std::string to_string(Transport transport) {
  switch (transport) {
    case Transport::kUdp:
      return "UDP";
    case Transport::kTcp:
      return "TCP";
  }
  return std::to_string(static_cast<unsigned>(transport));
}

std::ostream& operator<<(std::ostream& out, const ExchangeReport& report) {
  const ExchangeSpec& spec = report.spec;
  const char* unit = spec.transport == Transport::kUdp ? "datagrams" : "bytes";
  if (!report.unserved_in.empty()) {
    return out << fmt::format("{} from {} to {}: nothing could listen there, in {}: {}\n", to_string(spec.transport),
                              spec.network_namespace.empty() ? "the node" : spec.network_namespace,
                              spec.destination.to_string(), report.unserved_in, errno_name(report.system_errno));
  }
  out << fmt::format(
      "{} from {}{} to {} port {}: {} of {} {} came back", to_string(spec.transport),
      spec.network_namespace.empty() ? "the node" : spec.network_namespace,
      report.source ? fmt::format(" ({} port {})", report.source->to_string(), report.source_port) : std::string(),
      spec.destination.to_string(), spec.port, report.answered, report.sent, unit);
  if (report.answered != 0) out << (report.payload_intact ? ", intact" : ", CHANGED");
  if (report.system_errno != 0) out << "; the kernel says " << errno_name(report.system_errno);
  out << '\n';
  for (const Sighting& sighting : report.sightings) out << "  seen: " << sighting << '\n';
  if (report.capture_drops != 0) out << fmt::format("  the capture lost {} packets\n", report.capture_drops);
  return out;
}

std::chrono::milliseconds Patience::wait_of(const ExchangeSpec& spec) const {
  constexpr int kDecided = 3;
  constexpr std::chrono::milliseconds kShort{200};
  const bool is_decided = silent_.at(static_cast<std::size_t>(spec.transport)) >= kDecided;
  return is_decided ? std::min(kShort, spec.reply_wait) : spec.reply_wait;
}

void Patience::note(const ExchangeReport& report) {
  const bool is_silent = report.answered == 0 && (report.system_errno == 0 || report.system_errno == ETIMEDOUT);
  if (is_silent) ++silent_.at(static_cast<std::size_t>(report.spec.transport));
}

}  // namespace netns_lab
