#include <fmt/format.h>
#include <signal.h>
#include <string.h>

#include "harness/protocol/messages.h"

namespace netns_lab::protocol {

std::string to_string(const CommandEnd& end) {
  const auto seconds = std::chrono::duration<double>(end.duration).count();
  std::string text;
  switch (end.how) {
    case CommandEnd::How::kExited:
      text = fmt::format("exited with status {}", end.code);
      break;
    case CommandEnd::How::kSignalled: {
      const char* name = ::sigabbrev_np(end.code);
      text =
          name != nullptr ? fmt::format("was killed by SIG{}", name) : fmt::format("was killed by signal {}", end.code);
      break;
    }
    case CommandEnd::How::kTimedOut:
      text = fmt::format("was stopped at its deadline, after {:.3g} s", seconds);
      break;
    case CommandEnd::How::kNotStarted:
      text = "could not be started: " + end.reason;
      break;
  }
  if (end.descendants_left) text += ", leaving processes behind (they were killed)";
  if (!end.descendants.empty()) text += ": " + fmt::format("{}", fmt::join(end.descendants, ", "));
  if (end.dropped > 0) text += fmt::format(", {} bytes of its output were dropped", end.dropped);
  return text;
}

}  // namespace netns_lab::protocol
