#include "harness/probe/echo_run.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "harness/probe/echo_flow.h"
#include "harness/probe/echo_group.h"
#include "harness/probe/local_source.h"
#include "harness/probe/translated_echoes.h"
#include "harness/probe/watch.h"

namespace netns_lab::probe {
namespace {

using Clock = EchoFlow::Clock;

constexpr std::uint32_t kMostFlows = 32'768;
constexpr std::uint32_t kMostStampedFlood = 256;  // requests without an interval that still get transmit stamps
constexpr unsigned kRoundsBetweenCancelLooks = 64;
// A request that is due so soon, while no reply is waited for, is waited for awake, as ping(8) does below 10 ms: sleep
// is not that exact, and a processor that slept is slow for some microseconds, which would be told as the network's.
constexpr std::chrono::microseconds kMostAwake{2'000};
// Between two looks at the clock; longer means that somebody else wants this processor, and then it is left to them.
constexpr std::chrono::microseconds kInterrupted{100};

Result<void> check_identifier(std::span<const EchoSpec> specs) {
  if (specs.empty() || !specs.front().identifier) return {};
  const std::uint32_t first = *specs.front().identifier;
  if (first >= 1 && first + specs.size() - 1 <= 65'535) return {};
  return tl::unexpected(Error::invalid(fmt::format("echo to {}", specs.front().destination.to_string()),
                                       fmt::format("identifiers from {} on were asked for, and {} echoes need 1 to "
                                                   "65535",
                                                   first, specs.size())));
}

Result<void> check(const EchoSpec& spec) {
  const auto refuse = [&](std::string why) {
    return tl::unexpected(Error::invalid(fmt::format("echo to {}", spec.destination.to_string()), std::move(why)));
  };
  if (spec.count < 1 || spec.count > 65'535) return refuse(fmt::format("count is {}, expected 1 to 65535", spec.count));
  if (spec.window < 1) return refuse("window is 0, expected at least 1");
  if (spec.payload_size > 65'507) {
    return refuse(fmt::format("payload size is {} bytes, expected at most 65507", spec.payload_size));
  }
  if (spec.interval.count() < 0) return refuse("the interval is negative");
  if (spec.reply_wait.count() < 0) return refuse("the time to wait for replies is negative");
  if (spec.ttl == std::uint8_t{0}) return refuse("TTL is 0, expected 1 to 255");
  if (spec.source && spec.source->family() != spec.destination.family()) {
    return refuse(fmt::format("the source {} is of the other family", spec.source->to_string()));
  }
  return {};
}

class EchoRun {
 public:
  EchoRun(ProbeTools& tools, Cancel cancel) : tools_(tools), cancel_(cancel) {}

  Result<std::vector<EchoReport>> run(std::span<const EchoSpec> specs) {
    plan(specs);
    NETNS_LAB_TRY(open_watch());
    NETNS_LAB_TRY(open_sockets());
    NETNS_LAB_TRY(pump());
    NETNS_LAB_TRY(finish());
    return reports();
  }

 private:
  // One group per socket needed, and flows with random identifiers, so that no earlier probe's packets are taken for
  // ours. They are contiguous, so that one filter serves them all, and contiguous within each group.
  void plan(std::span<const EchoSpec> specs) {
    std::vector<EchoSocketOptions> options;
    std::map<decltype(std::declval<EchoSocketOptions>().key()), std::size_t> group_of;
    std::vector<std::vector<std::size_t>> members;
    options.reserve(specs.size());
    for (std::size_t index = 0; index < specs.size(); ++index) {
      options.push_back(EchoSocketOptions::of(specs[index]));
      options.back().flood =
          specs[index].interval.count() == 0 && specs[index].count > kMostStampedFlood / specs.size();
      const auto place = group_of.try_emplace(options.back().key(), members.size());
      if (place.second) {
        members.emplace_back();
        groups_.push_back(EchoGroup(options.back()));
      }
      members[place.first->second].push_back(index);
    }
    const std::uint64_t seed = random_seed();
    const auto by_chance = static_cast<std::uint16_t>(1 + (seed >> 32) % (65'535 - specs.size()));
    identifiers_.first = specs.empty() ? by_chance : specs.front().identifier.value_or(by_chance);
    identifiers_.count = static_cast<std::uint32_t>(specs.size());
    std::vector<std::uint16_t> identifiers(specs.size());
    std::uint16_t next = identifiers_.first;
    for (const auto& group : members) {
      for (const std::size_t index : group) identifiers[index] = next++;
    }
    flows_.reserve(specs.size());
    by_identifier_.resize(specs.size());
    for (std::size_t index = 0; index < specs.size(); ++index) {
      flows_.push_back(EchoFlow(specs[index], identifiers[index], seed + 0x9E3779B97F4A7C15ULL * (index + 1)));
      by_identifier_[static_cast<std::size_t>(identifiers[index] - identifiers_.first)] = index;
      const EchoReport& report = flows_.back().report();
      if (specs[index].may_be_translated) translated_.add(index, report.payload_seed, specs[index].payload_size);
    }
    for (std::size_t group = 0; group < members.size(); ++group) {
      for (const std::size_t index : members[group]) groups_[group].add(&flows_[index]);
    }
  }

  Result<void> open_watch() {
    for (std::size_t index = 0; index < flows_.size(); ++index) {
      for (const std::string& name : flows_[index].spec().watch) {
        const auto place = watching_.try_emplace(name, flows_.size());
        place.first->second[index] = true;
      }
    }
    std::map<std::string, Capture*> captures;
    for (const auto& [name, watched_by] : watching_) {
      const auto capture = tools_.captures.get(name);
      if (capture) {
        captures.emplace(name, *capture);
      } else if (lies_in_the_subject(capture.error())) {
        for (std::size_t index = 0; index < flows_.size(); ++index) {
          if (watched_by[index]) flows_[index].give_up(capture.error());
        }
      } else {
        return tl::unexpected(capture.error());
      }
    }
    NETNS_LAB_ASSIGN(Watch watch, Watch::start(captures, 0, tools_.batch));
    watch_.emplace(std::move(watch));
    queue_budget_ = watch_->smallest_queue() / 2;
    return {};
  }

  Result<void> open_sockets() {
    for (EchoGroup& group : groups_) {
      const auto opened = group.open(tools_.factory);
      if (opened) continue;
      if (!lies_in_the_subject(opened.error())) return tl::unexpected(opened.error());
      for (EchoFlow* flow : group.members()) flow->give_up(opened.error());
    }
    return {};
  }

  Result<void> pump() {
    worked_since_ = Clock::now();
    for (unsigned round = 1;; ++round) {
      const Clock::time_point now = Clock::now();
      starvation_.worked(worked_since_, now);
      worked_since_ = now;
      bool progress = false;
      bool done = true;
      for (EchoGroup& group : groups_) {
        if (!group.is_open()) continue;
        const std::uint64_t room = queue_budget_ - std::min(undrained_, queue_budget_);
        undrained_ += group.send(now, room);
        NETNS_LAB_ASSIGN(const bool received, group.receive(tools_.batch));
        progress = progress || received;
        // What was late is expired only after everything that had come in was taken.
        done = group.settle(now, starvation_) && done;
        if (undrained_ >= queue_budget_) NETNS_LAB_TRY(drain());
      }
      if (done) return {};
      if (!progress) {
        NETNS_LAB_TRY(drain());
        NETNS_LAB_TRY(wait());
        worked_since_ = Clock::now();
      } else if (round % kRoundsBetweenCancelLooks == 0) {
        NETNS_LAB_TRY(look_for_cancel());
      }
    }
  }

  Result<void> drain() {
    undrained_ = 0;
    return watch_->drain(tools_.batch, [this](const Seen& seen) { sight(seen); });
  }

  void sight(const Seen& seen) {
    const SightingKind kind = seen.sighting.kind;
    if (kind == SightingKind::kArp || kind == SightingKind::kNeighbourDiscovery) {
      neighbours_.push_back(seen.sighting);
      return;
    }
    const bool echo = kind == SightingKind::kRequest || kind == SightingKind::kReply;
    const bool problem = kind == SightingKind::kProblem && seen.quote && seen.quote->is_echo_request;
    if (!(echo || problem)) return;
    const std::optional<std::size_t> owner = owner_of(seen);
    if (!owner || !watching_.at(seen.sighting.network_namespace)[*owner]) return;
    const std::size_t index = *owner;
    Sighting sighting = seen.sighting;
    if (sighting.identifier != flows_[index].identifier()) sighting.sent_as = flows_[index].identifier();
    if (echo) sighting.payload_intact = seen.complete && flows_[index].intact(sighting.sequence, seen.payload);
    flows_[index].sighting(sighting);
  }

  std::optional<std::size_t> owner_of(const Seen& seen) {
    // The payload first: a translated echo may have been given the identifier of another of ours.
    if (const auto owner = translated_.owner_of(seen)) return owner;
    if (!identifiers_.contains(seen.sighting.identifier)) return std::nullopt;
    return by_identifier_[static_cast<std::size_t>(seen.sighting.identifier - identifiers_.first)];
  }

  Result<void> finish() {
    for (EchoGroup& group : groups_) {
      if (group.is_open()) NETNS_LAB_TRY(group.receive(tools_.batch));
    }
    return watch_->finish(tools_.batch, [this](const Seen& seen) { sight(seen); });
  }

  Result<std::vector<EchoReport>> reports() {
    NETNS_LAB_ASSIGN(const std::uint64_t drops, watch_->drops());
    for (const EchoGroup& group : groups_) {
      for (EchoFlow* flow : group.members()) flow->report().capture_drops += group.overflow();
    }
    std::vector<EchoReport> reports;
    reports.reserve(flows_.size());
    for (std::size_t index = 0; index < flows_.size(); ++index) {
      flows_[index].judge_lateness(starvation_);
      EchoReport& report = flows_[index].report();
      if (!report.source && report.open_errno == 0) report.source = local_source(tools_.factory, report.spec);
      for (const Sighting& neighbour : neighbours_) {
        if (watching_.at(neighbour.network_namespace)[index] && concerns(neighbour, report)) {
          report.sightings.push_back(neighbour);
        }
      }
      std::ranges::stable_sort(report.sightings, {}, &Sighting::time);
      if (!report.spec.watch.empty()) report.capture_drops += drops;
      reports.push_back(std::move(report));
    }
    return reports;
  }

  static bool concerns(const Sighting& neighbour, const EchoReport& report) {
    const auto is_ours = [&](const IpAddress& address) {
      return address == report.spec.destination || (report.source && address == *report.source);
    };
    return is_ours(neighbour.source) || is_ours(neighbour.destination);
  }

  Result<void> wait() {
    Clock::time_point wakes = Clock::time_point::max();
    std::vector<pollfd> waits{pollfd{cancel_.fd, POLLIN, 0}};
    for (const EchoGroup& group : groups_) {
      if (!group.is_open()) continue;
      if (!group.blocked()) wakes = std::min(wakes, group.wakes_at(starvation_));
      waits.push_back(pollfd{group.fd(), static_cast<short>(group.blocked() ? POLLIN | POLLOUT : POLLIN), 0});
    }
    for (const int fd : watch_->fds()) waits.push_back(pollfd{fd, POLLIN, 0});
    const Clock::time_point asked = Clock::now();
    starvation_.worked(worked_since_, asked);
    const auto left = std::clamp(std::chrono::duration_cast<std::chrono::nanoseconds>(wakes - asked),
                                 std::chrono::nanoseconds(0), std::chrono::nanoseconds(Starvation::kLook));
    const Clock::time_point awake = left <= kMostAwake && only_sends_next() ? asked + left : asked;
    NETNS_LAB_ASSIGN(const bool ready, stay_awake(waits, awake));
    if (!ready) NETNS_LAB_TRY(wait_for(waits, asked + left - Clock::now()));
    starvation_.slept(asked, asked + left, Clock::now());
    if (waits.front().revents != 0) return tl::unexpected(Error::cancelled("echo"));
    return {};
  }

  bool only_sends_next() const {
    return std::ranges::none_of(
        groups_, [](const EchoGroup& group) { return group.is_open() && (group.blocked() || group.awaits_replies()); });
  }

  // Whether one of them was ready before `until`, or before somebody else wanted this processor.
  static Result<bool> stay_awake(std::vector<pollfd>& waits, Clock::time_point until) {
    for (Clock::time_point last = Clock::now(), now = last; now < until && now - last <= kInterrupted;) {
      NETNS_LAB_ASSIGN(const bool ready, wait_for(waits, std::chrono::nanoseconds(0)));
      if (ready) return true;
      last = std::exchange(now, Clock::now());
    }
    return false;
  }

  // Whether one of them is ready within `most`, which is below a second.
  static Result<bool> wait_for(std::vector<pollfd>& waits, std::chrono::nanoseconds most) {
    const timespec timeout{0, std::max(most, std::chrono::nanoseconds(0)).count()};
    const int ready = ::ppoll(waits.data(), waits.size(), &timeout, nullptr);
    if (ready < 0 && errno != EINTR) return tl::unexpected(Error::system("wait for echo replies", errno));
    return ready > 0;
  }

  Result<void> look_for_cancel() const {
    pollfd look{cancel_.fd, POLLIN, 0};
    if (cancel_.fd >= 0 && ::poll(&look, 1, 0) > 0) return tl::unexpected(Error::cancelled("echo"));
    return {};
  }

  ProbeTools& tools_;
  Cancel cancel_;
  IdentifierRange identifiers_;
  std::vector<EchoFlow> flows_;
  std::vector<std::size_t> by_identifier_;  // the flow of identifiers_.first, of the next, …
  TranslatedEchoes translated_;
  std::vector<EchoGroup> groups_;
  std::optional<Watch> watch_;
  std::map<std::string, std::vector<bool>> watching_;  // which flows want to know about a namespace
  std::vector<Sighting> neighbours_;  // ARP and neighbour discovery: whose they are is known at the end
  Starvation starvation_;
  Clock::time_point worked_since_;
  std::uint64_t queue_budget_ = 0;
  std::uint64_t undrained_ = 0;  // what the captures' queues may hold by now
};

}  // namespace

ProbeTools::ProbeTools(SocketFactory from) : factory(from), captures(std::move(from)) {
  auto keeper = factory("", AF_UNIX, SOCK_DGRAM, 0);
  const int on = 1;
  if (keeper && ::setsockopt(keeper->get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0) {
    stamp_keeper = std::move(*keeper);
  }
}

bool lies_in_the_subject(const Error& error) {
  return error.system_errno == ENODEV || error.system_errno == EADDRNOTAVAIL || error.system_errno == ENOENT ||
         error.system_errno == ENOTTY;  // a file that is no network namespace
}

Result<std::vector<EchoReport>> run_echoes(ProbeTools& tools, std::span<const EchoSpec> specs, Cancel cancel) {
  for (const EchoSpec& spec : specs) NETNS_LAB_TRY(check(spec));
  if (specs.empty()) return std::vector<EchoReport>{};
  if (specs.size() > kMostFlows) {
    return tl::unexpected(
        Error::invalid(fmt::format("{} echoes at once", specs.size()), fmt::format("expected at most {}", kMostFlows)));
  }
  NETNS_LAB_TRY(check_identifier(specs));
  return EchoRun(tools, cancel).run(specs);
}

}  // namespace netns_lab::probe
