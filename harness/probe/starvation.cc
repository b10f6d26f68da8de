#include "harness/probe/starvation.h"

#include <algorithm>

namespace netns_lab::probe {

void Starvation::slept(Clock::time_point asked, Clock::time_point until, Clock::time_point ran) {
  add(std::max(asked, until), ran);
}

void Starvation::worked(Clock::time_point begun, Clock::time_point ended) { add(begun, ended); }

void Starvation::add(Clock::time_point from, Clock::time_point to) {
  if (to - from <= kUsual) return;
  if (!spans_.empty()) from = std::max(from, spans_.back().to);
  if (from >= to) return;
  spans_.push_back({from, to});
  total_ += to - from;
}

Starvation::Clock::duration Starvation::within(Clock::time_point from, Clock::time_point to) const {
  Clock::duration sum{0};
  for (const Span& span : spans_) {
    const Clock::time_point begin = std::max(from, span.from);
    const Clock::time_point end = std::min(to, span.to);
    if (begin < end) sum += end - begin;
  }
  return sum;
}

}  // namespace netns_lab::probe
