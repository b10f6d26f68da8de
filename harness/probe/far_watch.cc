#include "harness/probe/far_watch.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "harness/probe/capture_pool.h"
#include "harness/probe/echo_run.h"
#include "harness/probe/payload.h"
#include "harness/probe/translated_echoes.h"
#include "harness/probe/watch.h"

namespace netns_lab::probe {
namespace {

bool is_echo(SightingKind kind) { return kind == SightingKind::kRequest || kind == SightingKind::kReply; }
bool is_of_ports(SightingKind kind) { return kind == SightingKind::kUdp || kind == SightingKind::kTcp; }
bool is_neighbourly(SightingKind kind) {
  return kind == SightingKind::kArp || kind == SightingKind::kNeighbourDiscovery;
}

bool has_its_number(const Seen& seen, const FarProbe& probe) {
  const Sighting& sighting = seen.sighting;
  if (is_of_ports(sighting.kind))
    return sighting.identifier == probe.identifier || sighting.sequence == probe.identifier;
  const bool quotes_echo = sighting.kind == SightingKind::kProblem && seen.quote && seen.quote->is_echo_request;
  return (is_echo(sighting.kind) || quotes_echo) && sighting.identifier == probe.identifier;
}

// `port`: the watch's.
bool is_with_its_server(const Sighting& sighting, const FarProbe& probe, std::uint16_t port) {
  return is_of_ports(sighting.kind) && probe.may_be_translated && port != 0 &&
         ((sighting.destination == probe.destination && sighting.sequence == port) ||
          (sighting.source == probe.destination && sighting.identifier == port));
}

bool is_intact(const Seen& seen, const FarProbe& probe) {
  const PayloadPattern pattern(probe.payload_seed);
  const auto matches = [&](std::uint32_t number) { return pattern.matches(number, probe.payload_size, seen.payload); };
  if (!seen.complete) return false;
  if (seen.sighting.kind != SightingKind::kUdp) return matches(seen.sighting.sequence);
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
  std::uint16_t port = 0;
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
  state->port = port;
  return std::unique_ptr<FarWatch>(new FarWatch(std::move(state)));
}

Result<FarSightings> FarWatch::take(std::span<const FarProbe> probes) {
  FarSightings taken;
  TranslatedEchoes translated;
  for (std::size_t i = 0; i < probes.size(); ++i) {
    if (probes[i].may_be_translated) translated.add(i, probes[i].payload_seed, probes[i].payload_size);
  }
  const auto sort = [&](const Seen& seen) {
    Sighting sighting = seen.sighting;
    if (is_neighbourly(sighting.kind)) {  // whose question it was cannot be told, and there are few
      if (!probes.empty()) taken.sightings.push_back(std::move(sighting));
      return;
    }
    // The payload first: a translated echo may have been given the identifier of another probe.
    if (const auto owner = translated.owner_of(seen)) {
      const FarProbe& probe = probes[*owner];
      if (sighting.identifier != probe.identifier) sighting.sent_as = probe.identifier;
      sighting.payload_intact = is_echo(sighting.kind);
      taken.sightings.push_back(std::move(sighting));
      return;
    }
    bool is_of_one = false;
    for (const FarProbe& probe : probes) {
      const bool has_number = has_its_number(seen, probe);
      if (!has_number && !is_with_its_server(sighting, probe, state_->port)) continue;
      is_of_one = true;
      if (!has_number) sighting.sent_as = probe.identifier;
      sighting.payload_intact = sighting.payload_intact || is_intact(seen, probe);
    }
    if (is_of_one) taken.sightings.push_back(std::move(sighting));
  };
  NETNS_LAB_TRY(state_->watch->finish(state_->batch, sort));
  std::ranges::stable_sort(taken.sightings, {}, &Sighting::time);
  NETNS_LAB_ASSIGN(taken.drops, state_->watch->drops());
  return taken;
}

}  // namespace netns_lab::probe
