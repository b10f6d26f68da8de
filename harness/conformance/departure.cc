#include "harness/conformance/departure.h"

#include <fmt/format.h>

#include <algorithm>

namespace netns_lab {
namespace {

std::vector<Sighting> leaving(const EchoReport& report, const std::string& link) {
  std::vector<Sighting> left = report.seen("", link, SightingKind::kRequest);
  std::erase_if(left, [&](const Sighting& sighting) {
    return sighting.direction != PacketDirection::kSent || sighting.own_identifier() != report.identifier;
  });
  return left;
}

}  // namespace

std::vector<std::string> departure_findings(const EchoReport& report, const Departure& want) {
  if (report.echoes.empty()) return {"no echo was sent: nothing is proved"};
  const std::vector<Sighting> left = leaving(report, want.link);
  std::vector<std::string> findings;
  for (const Echo& echo : report.echoes) {
    const auto times = std::count_if(left.begin(), left.end(),
                                     [&](const Sighting& sighting) { return sighting.sequence == echo.sequence; });
    if (times != 1) findings.push_back(fmt::format("request {} left {} times by {}", echo.sequence, times, want.link));
  }
  for (const Sighting& sighting : left) {
    if (sighting.source != want.source) {
      findings.push_back(fmt::format("request {} left {} from {}, not from {}", sighting.sequence, want.link,
                                     sighting.source.to_string(), want.source.to_string()));
    }
    if (sighting.ttl != want.ttl) {
      findings.push_back(
          fmt::format("request {} left {} with TTL {}, not {}", sighting.sequence, want.link, sighting.ttl, want.ttl));
    }
  }
  return findings;
}

std::vector<std::string> no_departure_findings(const EchoReport& report, const std::string& link) {
  if (report.echoes.empty()) return {"no echo was sent: nothing is proved"};
  std::vector<std::string> findings;
  for (const Sighting& sighting : leaving(report, link)) {
    findings.push_back(
        fmt::format("request {} left by {} from {}", sighting.sequence, link, sighting.source.to_string()));
  }
  return findings;
}

}  // namespace netns_lab
