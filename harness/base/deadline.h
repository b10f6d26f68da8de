// A point on the monotonic clock by which something must have happened. Passed down by value, so that nested waits
// share it.
//
//   const Deadline deadline = Deadline::after(std::chrono::seconds(2));
//   ::poll(&fd, 1, deadline.poll_timeout());
#pragma once

#include <chrono>

namespace netns_lab {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline after(Clock::duration duration) { return Deadline(Clock::now() + duration); }
  static Deadline never() { return Deadline(Clock::time_point::max()); }
  static Deadline passed_already() { return Deadline(Clock::time_point::min()); }

  bool is_never() const { return at_ == Clock::time_point::max(); }
  bool passed() const { return !is_never() && Clock::now() >= at_; }
  Clock::time_point at() const { return at_; }
  // Zero when passed; Clock::duration::max() when never.
  Clock::duration left() const;
  // Milliseconds for poll(2), rounded up so that poll never returns just before the deadline; -1 when never.
  int poll_timeout() const;
  Deadline sooner_of(Deadline other) const { return at_ < other.at_ ? *this : other; }

 private:
  explicit Deadline(Clock::time_point at) : at_(at) {}
  Clock::time_point at_;
};

}  // namespace netns_lab
