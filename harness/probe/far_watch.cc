#include "harness/probe/far_watch.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "harness/base/cancellation.h"
#include "harness/probe/capture_pool.h"
#include "harness/probe/echo_run.h"
#include "harness/probe/payload.h"
#include "harness/probe/signals_blocked.h"
#include "harness/probe/watch.h"

namespace netns_lab::probe {
namespace {

constexpr std::size_t kMostKeptBytes = 64U << 20;

struct Kept {
  Sighting sighting;
  std::vector<std::uint8_t> payload;
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

  void keep(const Seen& seen) {
    kept_bytes += sizeof(Kept) + seen.payload.size();
    if (kept_bytes > kMostKeptBytes) return;
    Kept one;
    one.sighting = seen.sighting;
    one.complete = seen.complete;
    one.quotes_echo = seen.quote && seen.quote->is_echo_request;
    one.payload.assign(seen.payload.begin(), seen.payload.end());
    kept.push_back(std::move(one));
  }

  Result<void> drain() {
    return watch->drain(batch, [this](const Seen& seen) { keep(seen); });
  }

  void run() {
    std::vector<pollfd> waits = {{.fd = ending.fd(), .events = POLLIN, .revents = 0}};
    for (const int fd : watch->fds()) waits.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    while (!ending.requested()) {
      if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
      const std::lock_guard lock(mutex);
      if (const auto drained = drain(); !drained) {
        failure = drained.error();
        return;
      }
    }
  }

  std::mutex mutex;  // of all that follows but `ending` and `thread`
  CapturePool captures;
  ReceiveBatch batch;
  std::optional<Watch> watch;
  std::vector<Kept> kept;
  std::size_t kept_bytes = 0;
  std::optional<Error> failure;
  Cancellation ending;
  std::thread thread;
};

FarWatch::FarWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}

FarWatch::~FarWatch() {
  state_->ending.request();
  if (state_->thread.joinable()) state_->thread.join();
}

Result<std::unique_ptr<FarWatch>> FarWatch::open(const SocketFactory& factory,
                                                 const std::vector<std::string>& namespaces, std::uint16_t port) {
  auto state = std::make_unique<State>(factory);
  if (state->ending.fd() < 0) return tl::unexpected(Error::system("open a descriptor for a watch", EMFILE));
  std::map<std::string, Capture*> captures;
  for (const std::string& name : namespaces) {
    const auto capture = state->captures.get(name);
    if (!capture && lies_in_the_subject(capture.error())) continue;
    if (!capture) return tl::unexpected(capture.error());
    captures.emplace(name, *capture);
  }
  NETNS_LAB_ASSIGN(Watch watch, Watch::start(captures, port, state->batch));
  state->watch.emplace(std::move(watch));
  const SignalsBlocked blocked;
  state->thread = std::thread([state = state.get()] { state->run(); });
  return std::unique_ptr<FarWatch>(new FarWatch(std::move(state)));
}

Result<FarSightings> FarWatch::take(std::span<const FarProbe> probes) {
  const std::lock_guard lock(state_->mutex);
  if (state_->failure) return tl::unexpected(*state_->failure);
  NETNS_LAB_TRY(state_->watch->finish(state_->batch, [this](const Seen& seen) { state_->keep(seen); }));
  if (state_->kept_bytes > kMostKeptBytes) {
    return tl::unexpected(Error::internal("watch for another node's probes", "more passed than is kept"));
  }
  FarSightings taken;
  for (const Kept& kept : state_->kept) {
    Sighting sighting = kept.sighting;
    bool is_of_one = false;
    for (const FarProbe& probe : probes) {
      if (!belongs_to(kept, probe)) continue;
      is_of_one = true;
      sighting.payload_intact = sighting.payload_intact || is_intact(kept, probe);
    }
    if (!is_of_one) continue;
    taken.sightings.push_back(std::move(sighting));
  }
  std::ranges::stable_sort(taken.sightings, {}, &Sighting::time);
  NETNS_LAB_ASSIGN(taken.drops, state_->watch->drops());
  return taken;
}

}  // namespace netns_lab::probe
