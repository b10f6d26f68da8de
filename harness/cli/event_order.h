// Workers run side by side; people read one after the other. Passes the events of the lowest-numbered worker that has
// not ended on as they come, and keeps those of the others until it is their turn.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "harness/cli/worker_process.h"

namespace netns_lab::cli {

class EventOrder {
 public:
  explicit EventOrder(EventSink sink) : sink_(std::move(sink)) {}
  void operator()(const RunEvent& event);
  void flush();  // what is still kept, in the order of the workers; called by itself before RunEnded

 private:
  EventSink sink_;
  int current_ = 0;
  std::set<int> ended_;
  std::map<int, std::vector<RunEvent>> kept_;
};

// The worker an event is about; none for those of the run.
std::optional<int> worker_of(const RunEvent& event);

}  // namespace netns_lab::cli
