#include "harness/probe/translated_echoes.h"

namespace netns_lab::probe {

void TranslatedEchoes::add(std::size_t flow, std::uint64_t payload_seed, std::uint32_t payload_size) {
  constexpr std::uint32_t kLeast = 8;
  if (payload_size >= kLeast) flows_.push_back({flow, PayloadPattern(payload_seed), payload_size});
}

std::optional<std::size_t> TranslatedEchoes::owner_of(const Seen& seen) {
  const std::uint16_t identifier = seen.sighting.identifier;
  switch (seen.sighting.kind) {
    case SightingKind::kRequest:
    case SightingKind::kReply:
      for (const Flow& flow : flows_) {
        if (!seen.complete || !flow.payload.matches(seen.sighting.sequence, flow.payload_size, seen.payload)) continue;
        by_identifier_[identifier] = flow.number;
        return flow.number;
      }
      return std::nullopt;
    case SightingKind::kProblem: {
      const auto known = by_identifier_.find(identifier);
      if (!seen.quote || !seen.quote->is_echo_request || known == by_identifier_.end()) return std::nullopt;
      return known->second;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace netns_lab::probe
