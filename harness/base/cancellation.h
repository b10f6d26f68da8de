// A request to stop, seen by one waiter or many: a flag to look at, and a descriptor to poll beside others.
//
//   pollfd waits[] = {{socket, POLLIN, 0}, {cancellation.fd(), POLLIN, 0}};
//   ::poll(waits, 2, deadline.poll_timeout());
//   if (cancellation.requested()) return tl::unexpected(Error::cancelled("probe 10.0.0.1"));
//
// Threading: every member may be called from any thread. The descriptor stays readable for ever once `request` was
// called; never read it.
#pragma once

#include <atomic>

#include "harness/base/unique_fd.h"

namespace netns_lab {

class Cancellation {
 public:
  Cancellation();  // without a descriptor to spare (EMFILE) only the flag works and fd() is -1, which poll ignores
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  void request() noexcept;
  bool requested() const noexcept { return requested_.load(std::memory_order_acquire); }
  int fd() const noexcept { return event_.get(); }  // POLLIN once requested

 private:
  std::atomic<bool> requested_{false};
  UniqueFd event_;
};

}  // namespace netns_lab
