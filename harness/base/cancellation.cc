#include "harness/base/cancellation.h"

#include <sys/eventfd.h>

namespace netns_lab {

Cancellation::Cancellation() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Cancellation::request() noexcept {
  if (requested_.exchange(true, std::memory_order_acq_rel)) return;
  if (event_.valid()) ::eventfd_write(event_.get(), 1);
}

}  // namespace netns_lab
