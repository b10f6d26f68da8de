#include "harness/base/exhaustion.h"

#include <cerrno>

namespace netns_lab {

bool is_exhaustion(int system_errno) {
  switch (system_errno) {
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case ENOSPC:
    case EUSERS:
      return true;
    default:
      return false;
  }
}

}  // namespace netns_lab
