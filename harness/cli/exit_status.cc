#include "harness/cli/exit_status.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "harness/base/exhaustion.h"
#include "harness/base/text.h"

namespace netns_lab::cli {
namespace {

// The kernel's words for "you may not" and "there is no room for more": the lab's lack, not the harness's fault.
bool is_lack(int system_errno) {
  return is_exhaustion(system_errno) || system_errno == EPERM || system_errno == EACCES || system_errno == EROFS ||
         system_errno == EOPNOTSUPP || system_errno == ENOSYS;
}

}  // namespace

ExitStatus exit_status_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalid:
      return ExitStatus::kUsage;
    case ErrorKind::kMissing:
    case ErrorKind::kTaken:
    case ErrorKind::kLost:
    case ErrorKind::kTimeout:
      return ExitStatus::kLabMissing;
    case ErrorKind::kCancelled:
      return ExitStatus::kInterrupted;
    case ErrorKind::kSystem:
      return is_lack(error.system_errno) ? ExitStatus::kLabMissing : ExitStatus::kHarnessBroke;
    case ErrorKind::kInternal:
      return ExitStatus::kHarnessBroke;
  }
  return ExitStatus::kHarnessBroke;
}

ExitStatus complain(ExitStatus status, const std::string& message) {
  std::string line = "netns-lab: " + visible(message);
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
  return status;
}

ExitStatus complain(const Error& error) { return complain(exit_status_of(error), error.message()); }

}  // namespace netns_lab::cli
