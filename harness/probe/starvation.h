// How long this machine did not let a thread run though it wanted to: by how much later than it asked it woke up, and
// how much longer than it ever takes its own work took (a virtual machine without a processor, a stopped process, many
// busy neighbours). What a packet waited meanwhile is not the network's fault: a reply is late only beyond that.
#pragma once

#include <chrono>
#include <vector>

namespace netns_lab::probe {

class Starvation {
 public:
  using Clock = std::chrono::steady_clock;
  // Below it nothing is counted: a scheduler's usual tick, and work of the usual size.
  static constexpr std::chrono::milliseconds kUsual{10};
  // Whoever waits looks at the clock this often: what it slept through unasked is seen no finer.
  static constexpr std::chrono::milliseconds kLook{20};

  // It asked at `asked` to sleep until `until` at most, and ran again at `ran`.
  void slept(Clock::time_point asked, Clock::time_point until, Clock::time_point ran);
  // It worked, without a wait, from `begun` to `ended`.
  void worked(Clock::time_point begun, Clock::time_point ended);

  Clock::duration total() const { return total_; }
  // Of the time from one moment to another how much was of that kind.
  Clock::duration within(Clock::time_point from, Clock::time_point to) const;

 private:
  struct Span {
    Clock::time_point from;
    Clock::time_point to;
  };
  void add(Clock::time_point from, Clock::time_point to);
  std::vector<Span> spans_;  // in order, none overlaps another
  Clock::duration total_{0};
};

}  // namespace netns_lab::probe
