#include "harness/model/mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <tuple>
#include <utility>

#include "harness/base/error.h"

namespace netns_lab {
namespace {

// One gap's way of being lost: what must be equal for pairs to be told together.
using Kind = std::pair<MeshLoss, int>;

std::string kind_text(const Kind& kind) {
  if (kind.first == MeshLoss::kNotSent && kind.second != 0)
    return fmt::format("{} ({})", to_string(kind.first), errno_name(kind.second));
  return to_string(kind.first);
}

std::uint32_t size_of(const MeshGap& gap) {
  const std::uint32_t all = gap.last - gap.first + 1;
  return gap.from >= gap.first && gap.from <= gap.last ? all - 1 : all;
}

// Per member and way of being lost: how many of its pairs, as sender and as receiver.
struct Tally {
  std::map<std::pair<std::uint32_t, Kind>, std::uint32_t> sent;
  std::map<std::pair<std::uint32_t, Kind>, std::uint32_t> received;
};

Tally tally_of(const MeshReport& report) {
  Tally tally;
  for (const MeshGap& gap : report.gaps) {
    const Kind kind{gap.loss, gap.send_errno};
    tally.sent[{gap.from, kind}] += size_of(gap);
    for (std::uint32_t to = gap.first; to <= gap.last; ++to) {
      if (to != gap.from) ++tally.received[{to, kind}];
    }
  }
  return tally;
}

}  // namespace

std::size_t mesh_descriptors(std::size_t members) { return 2 * std::min(members, 4 * kMeshGroup); }

std::string to_string(MeshLoss loss) {
  switch (loss) {
    case MeshLoss::kAbsent:
      return "there is no such namespace or link";
    case MeshLoss::kNotSent:
      return "the request was not sent";
    case MeshLoss::kNotArrived:
      return "the request did not arrive";
    case MeshLoss::kNotAnswered:
      return "the request arrived, no reply came back";
    case MeshLoss::kWrong:
      return "request or reply had another address, TTL or payload than it should";
    case MeshLoss::kTwice:
      return "request or reply came more than once";
  }
  return "unknown";
}

std::vector<std::string> describe_gaps(const MeshSpec& spec, const MeshReport& report, std::size_t most) {
  const auto name = [&spec](std::uint32_t number) {
    return number < spec.members.size() ? spec.members[number].network_namespace : std::to_string(number);
  };
  const auto others = static_cast<std::uint32_t>(spec.members.empty() ? 0 : spec.members.size() - 1);
  // With very few members "all" says no more than the pair itself.
  const std::uint32_t whole = std::max(2U, others);
  const Tally tally = tally_of(report);
  const auto is_whole = [whole](const auto& counts, std::uint32_t member, const Kind& kind) {
    const auto found = counts.find({member, kind});
    return found != counts.end() && found->second >= whole;
  };

  std::vector<std::string> lines;
  std::uint64_t untold = report.missing();
  for (const auto& [key, count] : tally.sent) {
    if (count < whole) continue;
    if (lines.size() < most)
      lines.push_back(fmt::format("{} to all {} others: {}", name(key.first), others, kind_text(key.second)));
  }
  for (const auto& [key, count] : tally.received) {
    if (count < whole) continue;
    if (lines.size() < most)
      lines.push_back(fmt::format("all {} others to {}: {}", others, name(key.first), kind_text(key.second)));
  }
  std::size_t left_out = 0;
  for (const MeshGap& gap : report.gaps) {
    const Kind kind{gap.loss, gap.send_errno};
    untold -= std::min<std::uint64_t>(untold, size_of(gap));
    if (is_whole(tally.sent, gap.from, kind)) continue;
    for (std::uint32_t to = gap.first; to <= gap.last; ++to) {
      if (to == gap.from || is_whole(tally.received, to, kind)) continue;
      if (lines.size() < most) {
        lines.push_back(fmt::format("{} to {}: {}", name(gap.from), name(to), kind_text(kind)));
      } else {
        ++left_out;
      }
    }
  }
  if (left_out + untold > 0) lines.push_back(fmt::format("and {} more pairs", left_out + untold));
  return lines;
}

void add_part(MeshReport& whole, MeshReport next) {
  whole.pairs += next.pairs;
  whole.answered += next.answered;
  whole.rounds += next.rounds;
  whole.lossy_rounds += next.lossy_rounds;
  whole.is_complete = next.is_complete;
  whole.repeated += next.repeated;
  whole.backlog_drops += next.backlog_drops;
  whole.queue_drops += next.queue_drops;
  whole.is_uncertain = whole.is_uncertain || next.is_uncertain;
  whole.strangers += next.strangers;
  whole.entries += next.entries;
  whole.asking += next.asking;
  std::vector<MeshGap> gaps = std::exchange(whole.gaps, {});
  gaps.insert(gaps.end(), next.gaps.begin(), next.gaps.end());
  std::sort(gaps.begin(), gaps.end(),
            [](const MeshGap& a, const MeshGap& b) { return std::tie(a.from, a.first) < std::tie(b.from, b.first); });
  for (const MeshGap& gap : gaps) {
    MeshGap* const last = whole.gaps.empty() ? nullptr : &whole.gaps.back();
    // A member has no pair with itself.
    const bool goes_on = last != nullptr && last->from == gap.from && last->loss == gap.loss &&
                         last->send_errno == gap.send_errno &&
                         (last->last + 1 == gap.first || (last->last + 2 == gap.first && last->last + 1 == gap.from));
    if (goes_on) {
      last->last = gap.last;
    } else if (whole.gaps.size() < MeshReport::kMostGaps) {
      whole.gaps.push_back(gap);
    }
  }
}

std::ostream& operator<<(std::ostream& out, const MeshReport& report) {
  out << fmt::format("{} of {} ordered pairs answered in {} rounds", report.answered, report.pairs, report.rounds);
  if (report.repeated > 0) out << fmt::format(", {} of them repeated more slowly", report.repeated);
  if (report.backlog_drops + report.queue_drops > 0) {
    out << fmt::format("; the machine dropped {} packets from its backlogs and {} from our sockets' queues",
                       report.backlog_drops, report.queue_drops);
  }
  if (report.strangers > 0) out << fmt::format("; {} echoes were none of any pair's", report.strangers);
  return out << fmt::format("; {} neighbour entries added and removed; the echoes took {} ms of two lanes",
                            report.entries, report.asking.count() / 1000);
}

}  // namespace netns_lab
