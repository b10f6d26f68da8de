#include "harness/probe/processor_lanes.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "harness/probe/signals_blocked.h"

namespace netns_lab::probe {
namespace {

// Those that this process may run on.
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

void hold(std::thread& thread, int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  ::pthread_setaffinity_np(thread.native_handle(), sizeof set, &set);
}

}  // namespace

std::size_t lanes_with_processors(std::size_t wanted) {
  return std::clamp<std::size_t>(processors().size(), 1, std::max<std::size_t>(wanted, 1));
}

Result<void> in_processor_lanes(std::size_t lanes, const std::function<Result<void>(std::size_t lane)>& work) {
  std::vector<Result<void>> done(lanes);
  {
    const SignalsBlocked blocked;
    const std::vector<int> all = processors();
    std::vector<std::thread> threads;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      threads.emplace_back([&work, &done, lane] { done[lane] = work(lane); });
      // Far from each other: neighbours may be two halves of one core.
      if (all.size() > 1) hold(threads.back(), all[lane * all.size() / lanes]);
    }
    for (std::thread& thread : threads) thread.join();
  }
  for (Result<void>& each : done) NETNS_LAB_TRY(std::move(each));
  return {};
}

}  // namespace netns_lab::probe
