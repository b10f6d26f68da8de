#include "harness/probe/echo_lanes.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "harness/probe/processor_lanes.h"

namespace netns_lab::probe {
namespace {

constexpr int kDecided = 3;
constexpr std::chrono::milliseconds kShort{50};

}  // namespace

Result<std::vector<EchoReport>> echo_in_lanes(const SocketFactory& factory, std::span<const EchoSpec> specs,
                                              std::size_t lanes, Cancel cancel) {
  std::vector<EchoReport> reports(specs.size());
  std::atomic<std::size_t> next = 0;
  std::atomic<int> unanswered = 0;
  std::atomic<bool> has_failed = false;
  NETNS_LAB_TRY(in_processor_lanes(lanes_with_processors(lanes), [&](std::size_t) -> Result<void> {
    Prober prober(factory);
    for (std::size_t number = next++; number < specs.size() && !has_failed; number = next++) {
      EchoSpec spec = specs[number];
      if (unanswered >= kDecided) spec.reply_wait = std::min(spec.reply_wait, kShort);
      auto report = prober.echo({&spec, 1}, cancel);
      has_failed = has_failed || !report;
      if (!report) return tl::unexpected(std::move(report).error());
      if (report->front().answered() == 0) ++unanswered;
      reports[number] = std::move(report->front());
    }
    return {};
  }));
  return reports;
}

}  // namespace netns_lab::probe
