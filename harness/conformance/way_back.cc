#include "harness/conformance/way_back.h"

#include <algorithm>

namespace netns_lab {
namespace {

// As it was seen where it arrived; `source` where it was not.
IpAddress source_at_the_end(const World& world, const PacketTrace& trace, const Path& there, const IpAddress& source) {
  if (there.points.empty()) return source;
  const Point& last = there.points.back();
  const auto seen = std::find_if(trace.requests.begin(), trace.requests.end(), [&](const Sighting& sighting) {
    return sighting.network_namespace == world.at(last.place).name && sighting.link == last.link &&
           sighting.direction == last.direction;
  });
  return seen == trace.requests.end() ? source : seen->source;
}

}  // namespace

PathQuestion way_back(const World& world, const PacketTrace& trace, const Path& there, const IpAddress& source) {
  PathQuestion question{.from = there.stages.back().place,
                        .destination = source,
                        .source = trace.destination,
                        .is_bound = true,
                        .translated = {}};
  if (!trace.may_be_translated) return question;
  question.destination = source_at_the_end(world, trace, there, source);
  if (question.destination == source) return question;
  for (const Stage& stage : there.stages) {
    if (stage.place != question.from && world.at(stage.place).has_address(question.destination))
      question.translated = {stage.place, source};
  }
  return question;
}

}  // namespace netns_lab
