#include "harness/node/mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

#include "harness/node/counters.h"
#include "harness/node/mesh_group.h"
#include "harness/node/mesh_plan.h"
#include "harness/probe/mesh_lane.h"
#include "harness/probe/processor_lanes.h"

namespace netns_lab::node {
namespace {

using probe::MeshEchoes;
using probe::MeshLane;
using probe::MeshMatrix;
using probe::MeshPace;
using std::chrono::milliseconds;

constexpr std::size_t kMostMembers = 4096;
constexpr int kAttempts = 3;  // of a round in which the machine dropped packets
// In which something was missing to the last: it is known that the network loses.
constexpr std::uint32_t kPatientRounds = 3;
constexpr milliseconds kImpatience{60};

class Mesh {
 public:
  Mesh(const std::string& directory, const MeshSpec& spec, Deadline deadline, const Cancellation& cancellation,
       std::size_t group)
      : directory_(directory),
        spec_(spec),
        deadline_(deadline),
        enough_(spec.at_most.count() == 0 ? Deadline::never() : Deadline::after(spec.at_most)),
        cancellation_(cancellation),
        matrix_(spec.members.size()),
        links_(spec.members.size()),
        asked_for_(spec.members.size()),
        groups_(make_groups(spec.members.size(), group)),
        plan_(plan_mesh(groups_.size())),
        end_(std::max(plan_[0].size(), plan_[1].size())) {}

  Result<MeshReport> run() {
    prepare_echoes();
    const std::size_t rounds = end_;
    NETNS_LAB_ASSIGN(const std::uint64_t dropped_before, read_backlog_drops());
    NETNS_LAB_TRY(probe::in_processor_lanes(lanes_.size(), [this](std::size_t lane) { return work(lane); }));
    NETNS_LAB_ASSIGN(const std::uint64_t dropped_after, read_backlog_drops());
    report_.backlog_drops += dropped_after - dropped_before;
    for (Lane& lane : lanes_) lane.open.clear();
    report_.entries = entries_;
    report_.is_complete = end_ >= rounds;
    report_.rounds = static_cast<std::uint32_t>(end_ - std::min<std::size_t>(end_, spec_.first_round));
    tell();
    return report_;
  }

 private:
  using Numbers = std::vector<std::uint32_t>;
  // What a lane has at hand. The groups that its last task needed stay open for the next.
  struct Lane {
    std::size_t begun = 0;             // its round
    std::vector<std::size_t> at_work;  // on these groups; none while it waits
    std::map<std::size_t, MeshGroup> open;
  };

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

  // The same whoever is there: a mesh that is asked for in parts has the same rounds each time. Four where there are as
  // many members, so that both lanes have work.
  static std::vector<Numbers> make_groups(std::size_t members, std::size_t most) {
    const std::size_t size = std::clamp<std::size_t>((members + 3) / 4, 1, most);
    std::vector<Numbers> groups;
    for (std::size_t at = 0; at < members; at += size) {
      Numbers& numbers = groups.emplace_back(std::min(size, members - at));
      std::iota(numbers.begin(), numbers.end(), static_cast<std::uint32_t>(at));
    }
    return groups;
  }

  Result<void> work(std::size_t lane) {
    for (std::size_t round = spec_.first_round; begin(lane, round); ++round) {
      auto done = do_task(lane, plan_.at(lane).at(round));
      end(lane, !done);
      NETNS_LAB_TRY(done);
    }
    return {};
  }

  // Whether the lane is to do its task of this round; waits until the other lane is not at the same groups.
  bool begin(std::size_t lane, std::size_t round) {
    std::unique_lock lock(mutex_);
    Lane& own = lanes_.at(lane);
    const Lane& other = lanes_.at(1 - lane);
    // Both end with the same round, so that the next part begins with the next. The first is always done.
    if (enough_.passed() && round > spec_.first_round) end_ = std::min(end_, std::max(round, other.begun + 1));
    own.begun = round;
    if (round >= plan_.at(lane).size()) return false;
    const std::vector<std::size_t>& wanted = plan_.at(lane).at(round).groups;
    const auto is_free = [&other, &wanted] {
      return std::none_of(wanted.begin(), wanted.end(), [&other](std::size_t group) {
        return std::find(other.at_work.begin(), other.at_work.end(), group) != other.at_work.end();
      });
    };
    changed_.wait(lock, [&] { return has_failed_ || round >= end_ || is_free(); });
    if (has_failed_ || round >= end_) return false;
    own.at_work = wanted;
    return true;
  }

  void end(std::size_t lane, bool has_failed) {
    const std::lock_guard lock(mutex_);
    lanes_.at(lane).at_work.clear();
    has_failed_ = has_failed_ || has_failed;
    changed_.notify_all();
  }

  Result<void> do_task(std::size_t lane, const MeshTask& task) {
    if (cancellation_.requested()) return tl::unexpected(Error::cancelled("ask for a mesh of echoes"));
    if (deadline_.passed()) {
      return tl::unexpected(
          Error::timeout("ask for a mesh of echoes", fmt::format("it was at round {}", lanes_.at(lane).begun + 1)));
    }
    NETNS_LAB_ASSIGN(const Sides sides, open(lanes_.at(lane), task));
    auto asked = add_entries(sides);
    if (asked) asked = attempts(sides);
    const auto removed = remove_entries(sides);
    NETNS_LAB_TRY(asked);
    NETNS_LAB_TRY(removed);
    const std::lock_guard lock(mutex_);
    // Those that are not there are told of, too.
    for (const std::size_t from : task.groups) {
      for (const std::size_t to : task.groups) {
        if (from == to && !task.within) continue;
        for (const std::uint32_t one : groups_.at(from)) {
          for (const std::uint32_t other : groups_.at(to)) matrix_.set_done(one, other);
        }
      }
    }
    return {};
  }

  // A group of a task, and whom its members ask.
  struct Side {
    MeshGroup* group = nullptr;
    Numbers asks;
  };
  using Sides = std::vector<Side>;

  Result<Sides> open(Lane& lane, const MeshTask& task) {
    std::erase_if(lane.open, [&task](const auto& each) {
      return std::find(task.groups.begin(), task.groups.end(), each.first) == task.groups.end();
    });
    Sides sides;
    for (const std::size_t number : task.groups) {
      auto found = lane.open.find(number);
      if (found == lane.open.end()) {
        NETNS_LAB_ASSIGN(const Numbers numbers, present(groups_.at(number)));
        NETNS_LAB_ASSIGN(MeshGroup group, MeshGroup::open(directory_, spec_, links_, numbers));
        found = lane.open.emplace(number, std::move(group)).first;
      }
      sides.push_back({.group = &found->second, .asks = {}});
    }
    for (Side& one : sides) {
      for (const Side& other : sides) {
        if (&one == &other && !task.within) continue;
        const Numbers numbers = other.group->numbers();
        one.asks.insert(one.asks.end(), numbers.begin(), numbers.end());
      }
    }
    return sides;
  }

  // Those of them that are there.
  Result<Numbers> present(const Numbers& numbers) {
    Numbers all;
    for (const std::uint32_t number : numbers) {
      if (asked_for_.at(number) == 0) {
        NETNS_LAB_ASSIGN(links_.at(number), find_mesh_link(directory_, spec_.members.at(number)));
        asked_for_.at(number) = 1;
      }
      if (links_.at(number)) all.push_back(number);
    }
    return all;
  }

  // One lane at a time: the kernel has one lock for all of it (rtnl_mutex), and who waits for that one keeps his
  // processor busy. So while one lane is at its entries, the other mostly asks.
  Result<void> add_entries(const Sides& sides) {
    const std::lock_guard turn(entries_mutex_);
    for (const Side& side : sides) {
      NETNS_LAB_ASSIGN(const std::uint64_t added, side.group->add_entries(spec_, links_, side.asks));
      entries_ += added;
    }
    return {};
  }
  Result<void> remove_entries(const Sides& sides) {
    const std::lock_guard turn(entries_mutex_);
    Result<void> all;
    for (const Side& side : sides) {
      auto removed = side.group->remove_entries();
      if (!removed && all) all = std::move(removed);
    }
    return all;
  }

  Result<void> attempts(const Sides& sides) {
    MeshPace pace{.window = spec_.window, .reply_wait = spec_.reply_wait};
    if (is_known_to_lose()) pace.reply_wait = std::min(pace.reply_wait, kImpatience);
    for (int attempt = 1;; ++attempt) {
      const std::uint64_t queues_before = queue_drops(sides);
      NETNS_LAB_ASSIGN(const std::uint64_t backlog_before, read_backlog_drops());
      NETNS_LAB_ASSIGN(const std::uint64_t full, ask(sides, pace));
      NETNS_LAB_ASSIGN(const std::uint64_t backlog_after, read_backlog_drops());
      const std::uint64_t queues = queue_drops(sides) - queues_before;
      const bool is_ours = backlog_after - backlog_before + full + queues > 0;  // else it is the network that lost them
      const bool lost = any_missing(sides);
      const bool is_last = !lost || !is_ours || attempt == kAttempts;
      const std::lock_guard lock(mutex_);
      report_.queue_drops += queues;
      report_.backlog_drops += full;
      if (is_last) {
        report_.lossy_rounds += lost ? 1 : 0;
        report_.is_uncertain = report_.is_uncertain || (lost && is_ours);
        return {};
      }
      ++report_.repeated;
      pace.window = std::max(1U, pace.window / 8);
      pace.turn = pace.turn * 10;
      each_pair(sides, [this](std::uint32_t from, std::uint32_t to) { matrix_.forget(from, to); });
    }
  }

  bool is_known_to_lose() {
    const std::lock_guard lock(mutex_);
    return spec_.lossy_rounds + report_.lossy_rounds >= kPatientRounds;
  }
  static std::uint64_t queue_drops(const Sides& sides) {
    std::uint64_t all = 0;
    for (const Side& side : sides) all += side.group->queue_drops();
    return all;
  }
  static void each_pair(const Sides& sides, const std::function<void(std::uint32_t from, std::uint32_t to)>& visit) {
    for (const Side& side : sides) {
      for (const MeshGroup::Member& from : side.group->members()) {
        for (const std::uint32_t to : side.asks) {
          if (from.number != to) visit(from.number, to);
        }
      }
    }
  }
  bool any_missing(const Sides& sides) const {
    bool any = false;
    each_pair(sides, [&](std::uint32_t from, std::uint32_t to) { any = any || !matrix_.is_answered(from, to); });
    return any;
  }

  // How many requests a queue on their way out had no room for.
  Result<std::uint64_t> ask(const Sides& sides, const MeshPace& pace) {
    std::vector<MeshLane::Member> members;
    for (const Side& side : sides) {
      for (const MeshGroup::Member& member : side.group->members())
        members.push_back({.number = member.number, .socket = member.echoes.get(), .asks = side.asks});
    }
    MeshLane lane(echoes_, matrix_, std::move(members));
    const auto begun = std::chrono::steady_clock::now();
    const probe::Cancel cancel{.fd = cancellation_.fd()};
    NETNS_LAB_TRY(lane.drain());
    NETNS_LAB_TRY(lane.ask(pace, cancel));
    NETNS_LAB_TRY(lane.settle(pace, cancel));
    const std::lock_guard lock(mutex_);
    report_.asking += std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
    report_.strangers += lane.strangers();
    if (lane.refused_errno() != 0) refused_errno_ = lane.refused_errno();
    return lane.full_queues();
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

  const std::string& directory_;
  const MeshSpec& spec_;
  const Deadline deadline_;
  const Deadline enough_;
  const Cancellation& cancellation_;
  MeshMatrix matrix_;
  MeshEchoes echoes_;
  // By number, each for the lane that is at its group: what was found of those that were asked for.
  std::vector<std::optional<MeshLink>> links_;
  std::vector<std::uint8_t> asked_for_;
  const std::vector<Numbers> groups_;
  const std::array<std::vector<MeshTask>, 2> plan_;
  std::mutex entries_mutex_;
  std::uint64_t entries_ = 0;

  std::mutex mutex_;  // for all that follows, and who is at work in `lanes_`
  std::condition_variable changed_;
  std::array<Lane, 2> lanes_;
  std::size_t end_;  // the round before which this part ends
  bool has_failed_ = false;
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
