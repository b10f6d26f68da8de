#include "harness/conformance/flooding.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/conformance/declaration.h"

namespace netns_lab {
namespace {

constexpr std::uint16_t kArpRequest = 1, kNeighbourSolicitation = 135;  // RFC 826; RFC 4861, 4.3

bool arrived_at(const Sighting& sighting, const std::string& network_namespace, const std::string& link) {
  return sighting.network_namespace == network_namespace && sighting.link == link &&
         sighting.direction == PacketDirection::kReceived;
}

bool goes_to_one(const Sighting& sighting) { return (sighting.link_destination.bytes()[0] & 1) == 0; }

}  // namespace

std::vector<std::string> question_findings(const EchoReport& report, const std::string& network_namespace,
                                           const std::string& link, const MacAddress& asker) {
  const bool came = std::any_of(report.sightings.begin(), report.sightings.end(), [&](const Sighting& sighting) {
    const bool is_question =
        (sighting.kind == SightingKind::kArp && sighting.identifier == kArpRequest) ||
        (sighting.kind == SightingKind::kNeighbourDiscovery && sighting.identifier == kNeighbourSolicitation);
    return is_question && arrived_at(sighting, network_namespace, link) && !goes_to_one(sighting) &&
           sighting.link_source == asker;
  });
  if (came) return {};
  return {fmt::format("no question of {} that goes to all was seen arriving at {} in {}", asker.to_string(), link,
                      place_text(network_namespace))};
}

std::vector<std::string> unicast_findings(const EchoReport& report, const std::string& network_namespace,
                                          const std::string& link) {
  std::vector<std::string> findings;
  if (report.echoes.empty()) findings.emplace_back("no echo was sent: nothing is proved");
  for (const Sighting& sighting : report.sightings) {
    if (!arrived_at(sighting, network_namespace, link) || !goes_to_one(sighting)) continue;
    findings.push_back(fmt::format("a packet ({}) from {} for {} came out there, at {} in {}", to_string(sighting.kind),
                                   sighting.link_source.to_string(), sighting.link_destination.to_string(), link,
                                   place_text(network_namespace)));
  }
  return findings;
}

}  // namespace netns_lab
