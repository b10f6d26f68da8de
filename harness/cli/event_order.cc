#include "harness/cli/event_order.h"

#include <type_traits>
#include <variant>

namespace netns_lab::cli {

std::optional<int> worker_of(const RunEvent& event) {
  return std::visit(
      [](const auto& one) -> std::optional<int> {
        using Event = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<Event, RunStarted> || std::is_same_v<Event, RunEnded>) {
          return std::nullopt;
        } else {
          return one.worker;
        }
      },
      event);
}

void EventOrder::operator()(const RunEvent& event) {
  const std::optional<int> worker = worker_of(event);
  if (!worker) {
    if (std::holds_alternative<RunEnded>(event)) flush();
    sink_(event);
    return;
  }
  if (std::holds_alternative<WorkerEnded>(event)) ended_.insert(*worker);
  if (*worker != current_) {
    kept_[*worker].push_back(event);
    return;
  }
  sink_(event);
  while (ended_.count(current_) != 0) {
    ++current_;
    for (const RunEvent& kept : kept_[current_]) sink_(kept);
    kept_.erase(current_);
  }
}

void EventOrder::flush() {
  for (const auto& [worker, events] : kept_) {
    for (const RunEvent& event : events) sink_(event);
  }
  kept_.clear();
}

}  // namespace netns_lab::cli
