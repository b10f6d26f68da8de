// Threads that work side by side, each held to a processor of its own. What a thread sends into a veth is worked off on
// its processor (netif_rx, net/core/dev.c), from a backlog that the processor has for itself: so lanes do not fill each
// other's.
#pragma once

#include <cstddef>
#include <functional>

#include "harness/base/error.h"

namespace netns_lab::probe {

// How many lanes can each have a processor of their own, of `wanted`: one at the least. (sched_getaffinity(2): those
// that this process may run on.)
std::size_t lanes_with_processors(std::size_t wanted);

// Runs work(0), work(1), … at once, each in a thread of its own without signals, and waits for all. Where there are
// fewer processors than lanes, lanes share them. Returns the first lane's error, else the second's, …
Result<void> in_processor_lanes(std::size_t lanes, const std::function<Result<void>(std::size_t lane)>& work);

}  // namespace netns_lab::probe
