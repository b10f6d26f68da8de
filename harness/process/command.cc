#include "harness/process/command.h"

#include <fmt/format.h>
#include <string.h>

#include <ostream>

#include "harness/base/text.h"

namespace netns_lab::process {
namespace {

bool needs_quotes(const std::string& word) {
  return word.empty() || word.find_first_not_of(
                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "_-+=:,./@%^") != std::string::npos;
}

}  // namespace

std::string to_string(const Command& command) {
  std::string text;
  for (const std::string& word : command.argv) {
    if (!text.empty()) text += ' ';
    text += needs_quotes(word) ? "'" + visible(word) + "'" : word;
  }
  return text;
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", number);
}

std::string to_string(const CommandEnd& end) {
  std::string text;
  switch (end.how) {
    case CommandEnd::How::kExited:
      text = fmt::format("exited with status {}", end.code);
      break;
    case CommandEnd::How::kSignalled:
      text = fmt::format("was killed by {}", signal_name(end.code));
      break;
    case CommandEnd::How::kTimedOut:
      text =
          fmt::format("was stopped at its deadline, after {:.1f} s", static_cast<double>(end.duration.count()) / 1e6);
      break;
    case CommandEnd::How::kUnwatched:
      text = "was killed, as the process that watched over it was";
      break;
    case CommandEnd::How::kNotStarted:
      text = fmt::format("could not be started: {}", end.reason);
      break;
  }
  if (end.descendants_left) text += "; processes it had started were still running and were killed";
  if (!end.descendants.empty()) text += ": " + join(end.descendants, ", ");
  if (end.dropped > 0) text += fmt::format("; {} bytes of its output were not kept", end.dropped);
  return text;
}

std::ostream& operator<<(std::ostream& out, const CommandEnd& end) { return out << to_string(end); }

}  // namespace netns_lab::process
