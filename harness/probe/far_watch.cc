#include "harness/probe/far_watch.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "harness/probe/capture_pool.h"
#include "harness/probe/echo_run.h"
#include "harness/probe/payload.h"
#include "harness/probe/watch.h"

namespace netns_lab::probe {
namespace {

// One packet, while it is looked at.
struct Kept {
  Sighting sighting;
  Bytes payload;
  bool complete = true;
  bool quotes_echo = false;  // a problem about an echo request
};

bool belongs_to(const Kept& kept, const FarProbe& probe) {
  const Sighting& sighting = kept.sighting;
  switch (sighting.kind) {
    case SightingKind::kRequest:
    case SightingKind::kReply:
      return sighting.identifier == probe.identifier;
    case SightingKind::kProblem:
      return kept.quotes_echo && sighting.identifier == probe.identifier;
    case SightingKind::kUdp:
    case SightingKind::kTcp:
      return sighting.identifier == probe.identifier || sighting.sequence == probe.identifier;
    case SightingKind::kArp:
    case SightingKind::kNeighbourDiscovery:
      return true;  // whose question it was cannot be told, and there are few
    default:
      return false;
  }
}

bool is_intact(const Kept& kept, const FarProbe& probe) {
  const PayloadPattern pattern(probe.payload_seed);
  const auto matches = [&](std::uint32_t number) { return pattern.matches(number, probe.payload_size, kept.payload); };
  if (!kept.complete) return false;
  if (kept.sighting.kind != SightingKind::kUdp) return matches(kept.sighting.sequence);
  for (std::uint32_t number = 0; number < probe.count; ++number) {
    if (matches(number)) return true;
  }
  return false;
}

}  // namespace

struct FarWatch::State {
  explicit State(const SocketFactory& factory) : captures(factory) {}
  CapturePool captures;
  ReceiveBatch batch;
  std::optional<Watch> watch;
};

FarWatch::FarWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}
FarWatch::~FarWatch() = default;

std::uint32_t FarWatch::queue_bytes() const { return state_->watch->smallest_queue(); }

Result<std::unique_ptr<FarWatch>> FarWatch::open(const SocketFactory& factory,
                                                 const std::vector<std::string>& namespaces, std::uint16_t port) {
  auto state = std::make_unique<State>(factory);
  std::map<std::string, Capture*> captures;
  for (const std::string& name : namespaces) {
    const auto capture = state->captures.get(name);
    if (!capture && lies_in_the_subject(capture.error())) continue;
    if (!capture) return tl::unexpected(capture.error());
    captures.emplace(name, *capture);
  }
  NETNS_LAB_ASSIGN(Watch watch, Watch::start(captures, port, state->batch));
  state->watch.emplace(std::move(watch));
  return std::unique_ptr<FarWatch>(new FarWatch(std::move(state)));
}

Result<FarSightings> FarWatch::take(std::span<const FarProbe> probes) {
  FarSightings taken;
  const auto sort = [&](const Seen& seen) {
    Kept kept{.sighting = seen.sighting,
              .payload = seen.payload,
              .complete = seen.complete,
              .quotes_echo = seen.quote && seen.quote->is_echo_request};
    bool is_of_one = false;
    for (const FarProbe& probe : probes) {
      if (!belongs_to(kept, probe)) continue;
      is_of_one = true;
      kept.sighting.payload_intact = kept.sighting.payload_intact || is_intact(kept, probe);
    }
    if (is_of_one) taken.sightings.push_back(std::move(kept.sighting));
  };
  NETNS_LAB_TRY(state_->watch->finish(state_->batch, sort));
  std::ranges::stable_sort(taken.sightings, {}, &Sighting::time);
  NETNS_LAB_ASSIGN(taken.drops, state_->watch->drops());
  return taken;
}

}  // namespace netns_lab::probe
