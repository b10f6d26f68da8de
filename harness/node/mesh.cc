#include "harness/node/mesh.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <functional>
#include <list>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>

#include "harness/node/counters.h"
#include "harness/node/mesh_group.h"
#include "harness/probe/mesh_lane.h"
#include "harness/probe/signals_blocked.h"

namespace netns_lab::node {
namespace {

using probe::MeshEchoes;
using probe::MeshLane;
using probe::MeshMatrix;
using probe::MeshPace;
using std::chrono::milliseconds;

constexpr std::size_t kMostMembers = 4096;
constexpr int kAttempts = 3;  // of a round in which the machine dropped packets
constexpr std::uint32_t kPatientRounds =
    3;  // in which something was missing to the last: it is known that the network loses
constexpr milliseconds kImpatience{60};

// The processors that this process may run on: a lane each, so that what a lane sends is worked off beside the other.
std::vector<int> processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> all;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return all;
  for (int number = 0; number < CPU_SETSIZE; ++number) {
    if (CPU_ISSET(number, &set)) all.push_back(number);
  }
  return all;
}

void pin(std::thread& thread, int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  ::pthread_setaffinity_np(thread.native_handle(), sizeof set, &set);
}

class Mesh {
 public:
  Mesh(const std::string& directory, const MeshSpec& spec, Deadline deadline, const Cancellation& cancellation,
       std::size_t group)
      : group_(group),
        directory_(directory),
        spec_(spec),
        deadline_(deadline),
        cancellation_(cancellation),
        matrix_(spec.members.size()),
        processors_(processors()),
        links_(spec.members.size()),
        asked_for_(spec.members.size()) {}

  Result<MeshReport> run() {
    prepare_echoes();
    const std::vector<Numbers> groups = make_groups();
    std::vector<Round> rounds;
    for (std::size_t one = 0; one < groups.size(); ++one) {
      for (std::size_t other = one + 1; other < groups.size(); ++other)
        rounds.push_back({{groups[one], groups[other]}, false});
    }
    for (std::size_t one = 0; one < groups.size(); one += 2)
      rounds.push_back({{groups[one], one + 1 == groups.size() ? Numbers{} : groups[one + 1]}, true});
    const Deadline enough = spec_.at_most.count() == 0 ? Deadline::never() : Deadline::after(spec_.at_most);
    std::size_t next = spec_.first_round;
    for (const std::size_t first = next; next < rounds.size() && (next == first || !enough.passed()); ++next)
      NETNS_LAB_TRY(do_round(rounds[next]));
    report_.is_complete = next >= rounds.size();
    open_.clear();
    tell();
    return report_;
  }

 private:
  using Numbers = std::vector<std::uint32_t>;
  struct OpenGroup {
    Numbers numbers;  // present ones
    MeshGroup group;
  };
  // Either two groups that ask each other, or two that ask within themselves.
  struct Round {
    std::array<Numbers, 2> numbers;
    bool within = false;
  };
  // Those of them that are there.
  Result<Numbers> present(const Numbers& numbers) {
    Numbers all;
    for (const std::uint32_t number : numbers) {
      if (!asked_for_.at(number)) {
        NETNS_LAB_ASSIGN(links_.at(number), find_mesh_link(directory_, spec_.members.at(number)));
        asked_for_.at(number) = true;
      }
      if (links_.at(number)) all.push_back(number);
    }
    return all;
  }

  void prepare_echoes() {
    const std::uint64_t seed = probe::random_seed();
    echoes_.family = spec_.members.front().address.family();
    echoes_.identifier = static_cast<std::uint16_t>(seed >> 13);
    echoes_.payload = probe::PayloadPattern(seed);
    for (const MeshMember& member : spec_.members) {
      echoes_.addresses.push_back(member.address);
      echoes_.names.push_back(probe::SocketAddress::of(member.address));
    }
  }

  // The same whoever is there: a mesh that is asked for in parts has the same rounds each time. Two at least, so that
  // two lanes have work.
  std::vector<Numbers> make_groups() const {
    const std::size_t all = spec_.members.size();
    const std::size_t size = std::clamp<std::size_t>((all + 1) / 2, 1, group_);
    std::vector<Numbers> groups;
    for (std::size_t at = 0; at < all; at += size) {
      Numbers& numbers = groups.emplace_back(std::min(size, all - at));
      std::iota(numbers.begin(), numbers.end(), static_cast<std::uint32_t>(at));
    }
    return groups;
  }

  void close_all_but(const std::array<Numbers, 2>& wanted) {
    open_.remove_if([&wanted](const OpenGroup& each) {
      return std::none_of(wanted.begin(), wanted.end(),
                          [&each](const Numbers& numbers) { return numbers == each.numbers; });
    });
  }

  Result<MeshGroup*> open(const Numbers& numbers) {
    for (OpenGroup& each : open_) {
      if (each.numbers == numbers) return &each.group;
    }
    NETNS_LAB_ASSIGN(MeshGroup group, MeshGroup::open(directory_, spec_, links_, numbers));
    open_.push_back({numbers, std::move(group)});
    return &open_.back().group;
  }

  // The work of each lane, side by side; the first's error, else the second's.
  Result<void> in_lanes(const std::function<Result<void>(std::size_t lane)>& work) const {
    std::array<Result<void>, 2> done;
    {
      const probe::SignalsBlocked blocked;
      std::array<std::thread, 2> threads;
      for (std::size_t lane = 0; lane < threads.size(); ++lane) {
        threads.at(lane) = std::thread([&work, &done, lane] { done.at(lane) = work(lane); });
        if (processors_.size() > 1) pin(threads.at(lane), processors_.at(lane * (processors_.size() - 1)));
      }
      for (std::thread& thread : threads) thread.join();
    }
    for (const Result<void>& each : done) NETNS_LAB_TRY(each);
    return {};
  }

  Result<void> do_round(const Round& round) {
    if (cancellation_.requested()) return tl::unexpected(Error::cancelled("ask for a mesh of echoes"));
    if (deadline_.passed())
      return tl::unexpected(
          Error::timeout("ask for a mesh of echoes", fmt::format("{} rounds were done", report_.rounds)));
    std::array<Numbers, 2> numbers;
    for (std::size_t lane = 0; lane < numbers.size(); ++lane) {
      NETNS_LAB_ASSIGN(numbers.at(lane), present(round.numbers.at(lane)));
    }
    const bool within = round.within;
    close_all_but(numbers);
    std::array<MeshGroup*, 2> groups{};
    for (std::size_t lane = 0; lane < groups.size(); ++lane) {
      NETNS_LAB_ASSIGN(groups.at(lane), open(numbers.at(lane)));
    }
    std::array<std::uint64_t, 2> entries{};
    const auto added = in_lanes([&](std::size_t lane) -> Result<void> {
      NETNS_LAB_ASSIGN(entries.at(lane),
                       groups.at(lane)->add_entries(spec_, links_, numbers.at(within ? lane : 1 - lane)));
      return {};
    });
    const auto asked = added ? attempts(groups, numbers, within) : added;
    const auto removed = in_lanes([&](std::size_t lane) { return groups.at(lane)->remove_entries(); });
    NETNS_LAB_TRY(asked);
    NETNS_LAB_TRY(removed);
    report_.entries += entries[0] + entries[1];
    ++report_.rounds;
    // Those that are not there are told of, too.
    each_pair(round.numbers, within, [this](std::uint32_t from, std::uint32_t to) { matrix_.set_done(from, to); });
    return {};
  }

  Result<void> attempts(const std::array<MeshGroup*, 2>& groups, const std::array<Numbers, 2>& numbers, bool within) {
    MeshPace pace{.window = spec_.window, .reply_wait = spec_.reply_wait};
    if (spec_.lossy_rounds + report_.lossy_rounds >= kPatientRounds)
      pace.reply_wait = std::min(pace.reply_wait, kImpatience);
    for (int attempt = 1;; ++attempt) {
      const std::uint64_t queues_before = groups[0]->queue_drops() + groups[1]->queue_drops();
      NETNS_LAB_ASSIGN(const std::uint64_t backlog_before, read_backlog_drops());
      NETNS_LAB_ASSIGN(const std::uint64_t full, ask(groups, numbers, within, pace));
      NETNS_LAB_ASSIGN(const std::uint64_t backlog_after, read_backlog_drops());
      const std::uint64_t queues = groups[0]->queue_drops() + groups[1]->queue_drops() - queues_before;
      const std::uint64_t backlog = backlog_after - backlog_before + full;
      report_.queue_drops += queues;
      report_.backlog_drops += backlog;
      const bool lost = any_missing(numbers, within);
      if (!lost) return {};
      const bool is_ours = backlog + queues > 0;  // else it is the network that lost them
      if (!is_ours || attempt == kAttempts) {
        ++report_.lossy_rounds;
        report_.is_uncertain = report_.is_uncertain || is_ours;
        return {};
      }
      ++report_.repeated;
      pace.window = std::max(1U, pace.window / 8);
      pace.turn = pace.turn * 10;
      forget(numbers, within);
    }
  }

  void each_pair(const std::array<Numbers, 2>& numbers, bool within,
                 const std::function<void(std::uint32_t from, std::uint32_t to)>& visit) const {
    for (std::size_t lane = 0; lane < numbers.size(); ++lane) {
      for (const std::uint32_t from : numbers.at(lane)) {
        for (const std::uint32_t to : numbers.at(within ? lane : 1 - lane)) {
          if (from != to) visit(from, to);
        }
      }
    }
  }
  bool any_missing(const std::array<Numbers, 2>& numbers, bool within) const {
    bool any = false;
    each_pair(numbers, within,
              [&](std::uint32_t from, std::uint32_t to) { any = any || !matrix_.is_answered(from, to); });
    return any;
  }
  void forget(const std::array<Numbers, 2>& numbers, bool within) {
    each_pair(numbers, within, [&](std::uint32_t from, std::uint32_t to) { matrix_.forget(from, to); });
  }

  // How many requests a queue on their way out had no room for.
  Result<std::uint64_t> ask(const std::array<MeshGroup*, 2>& groups, const std::array<Numbers, 2>& numbers, bool within,
                            const MeshPace& pace) {
    std::vector<std::unique_ptr<MeshLane>> lanes;
    for (std::size_t lane = 0; lane < groups.size(); ++lane) {
      std::vector<MeshLane::Own> own;
      for (const MeshGroup::Member& member : groups.at(lane)->members())
        own.push_back({.number = member.number, .socket = member.echoes.get()});
      lanes.push_back(
          std::make_unique<MeshLane>(echoes_, matrix_, std::move(own), numbers.at(within ? lane : 1 - lane)));
    }
    const auto begun = std::chrono::steady_clock::now();
    const probe::Cancel cancel{.fd = cancellation_.fd()};
    for (const auto& lane : lanes) NETNS_LAB_TRY(lane->drain());
    NETNS_LAB_TRY(in_lanes([&](std::size_t lane) { return lanes[lane]->ask(pace, cancel); }));
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) lanes[lane]->expect(*lanes[within ? lane : 1 - lane]);
    NETNS_LAB_TRY(in_lanes([&](std::size_t lane) { return lanes[lane]->settle(pace, cancel); }));
    report_.asking += std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
    for (const auto& lane : lanes) {
      report_.strangers += lane->strangers();
      if (lane->refused_errno() != 0) refused_errno_ = lane->refused_errno();
    }
    return lanes[0]->full_queues() + lanes[1]->full_queues();
  }

  // What the matrix says, in gaps.
  void tell() {
    const auto members = static_cast<std::uint32_t>(spec_.members.size());
    for (std::uint32_t from = 0; from < members; ++from) {
      std::optional<MeshGap> open;
      const auto close = [&] {
        if (open && report_.gaps.size() < MeshReport::kMostGaps) report_.gaps.push_back(*open);
        open.reset();
      };
      for (std::uint32_t to = 0; to < members; ++to) {
        if (to == from) continue;
        if (!matrix_.is_done(from, to)) {
          close();
          continue;
        }
        ++report_.pairs;
        if (links_[from] && links_[to] && matrix_.is_answered(from, to)) {
          ++report_.answered;
          close();
          continue;
        }
        const MeshLoss loss = links_[from] && links_[to] ? matrix_.loss(from, to) : MeshLoss::kAbsent;
        if (open && open->loss != loss) close();
        if (!open)
          open = MeshGap{.from = from,
                         .first = to,
                         .last = to,
                         .loss = loss,
                         .send_errno = loss == MeshLoss::kNotSent ? refused_errno_ : 0};
        open->last = to;
      }
      close();
    }
  }

  const std::size_t group_;
  const std::string& directory_;
  const MeshSpec& spec_;
  Deadline deadline_;
  const Cancellation& cancellation_;
  MeshMatrix matrix_;
  std::vector<int> processors_;
  MeshEchoes echoes_;
  std::vector<std::optional<MeshLink>> links_;  // of those that were asked for
  std::vector<bool> asked_for_;
  std::list<OpenGroup> open_;
  int refused_errno_ = 0;
  MeshReport report_;
};

Result<void> check(const MeshSpec& spec) {
  const auto refuse = [](const std::string& why) { return tl::unexpected(Error::invalid("a mesh of echoes", why)); };
  if (spec.members.size() < 2 || spec.members.size() > kMostMembers)
    return refuse(fmt::format("it has {} members, 2 to {} are possible", spec.members.size(), kMostMembers));
  if (spec.window < 1 || spec.window > probe::ReceiveBatch::kSlots)
    return refuse(fmt::format("its window is {}, 1 to {} is possible", spec.window, probe::ReceiveBatch::kSlots));
  for (const MeshMember& member : spec.members) {
    if (member.address.family() != spec.members.front().address.family())
      return refuse("its members' addresses are of two families");
  }
  return {};
}

}  // namespace

Result<MeshReport> run_mesh(const std::string& namespace_directory, const MeshSpec& spec, Deadline deadline,
                            const Cancellation& cancellation, std::size_t group) {
  NETNS_LAB_TRY(check(spec));
  return Mesh(namespace_directory, spec, deadline, cancellation, group).run();
}

}  // namespace netns_lab::node
