#include "harness/base/deadline.h"

#include <algorithm>
#include <limits>

namespace netns_lab {

Deadline::Clock::duration Deadline::left() const {
  if (is_never()) return Clock::duration::max();
  const auto now = Clock::now();
  return at_ <= now ? Clock::duration::zero() : at_ - now;
}

int Deadline::poll_timeout() const {
  if (is_never()) return -1;
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left()).count();
  return static_cast<int>(std::min<decltype(milliseconds)>(milliseconds, std::numeric_limits<int>::max()));
}

}  // namespace netns_lab
