#include "reports/failure_text.h"

#include <fmt/format.h>

#include <optional>
#include <span>
#include <vector>

#include "harness/base/text.h"

namespace netns_lab::reports {
namespace {

using Lines = std::span<const std::string>;

std::string_view words_of(std::string_view line) {
  const std::size_t first = line.find_first_not_of(' ');
  return first == std::string_view::npos ? std::string_view() : line.substr(first);
}

bool begins_an_assertion(std::string_view line) {
  return line.starts_with("Value of: ") || line.starts_with("Expected equality of") ||
         line.starts_with("Expected: (") || line == "Failed";
}

// The words of whoever wrote the assertion: they say what was looked at.
bool is_told(Lines rest) {
  return !rest.empty() && !words_of(rest.front()).empty() && !begins_an_assertion(rest.front());
}

// "Value of: X", "  Actual: false", "Expected: true".
bool is_condition(Lines lines) {
  return lines.size() >= 3 && lines[0].starts_with("Value of: ") &&
         ((lines[1] == "  Actual: false" && lines[2] == "Expected: true") ||
          (lines[1] == "  Actual: true" && lines[2] == "Expected: false"));
}

constexpr std::string_view kActual = ", actual: ";
constexpr std::string_view kWhichIs = "    Which is: ";

// Two expressions, each with its value on a line of its own.
bool is_equality(Lines lines) {
  return lines.size() >= 5 && lines[0] == "Expected equality of these values:" && lines[2].starts_with(kWhichIs) &&
         lines[4].starts_with(kWhichIs);
}

// A line without the "(of type netns_lab::Snapshot), " at its end; none when it was nothing else.
std::optional<std::string> without_type(const std::string& line) {
  const std::size_t type = line.rfind("(of type ");
  const std::size_t last = line.find_last_not_of(" ,");
  if (type == std::string::npos || line[last] != ')') return line;
  const std::size_t end = type == 0 ? std::string::npos : line.find_last_not_of(' ', type - 1);
  if (end == std::string::npos) return std::nullopt;
  return line.substr(0, end + 1);
}

constexpr std::string_view kTrace = "Google Test trace:";

// Of "harness/testing/fixture.cc:74: on node-2", a line of a trace, what it says; none when it is no such line.
std::optional<std::string> told_by_trace(const std::string& line) {
  const std::size_t number = line.find(':');
  const std::size_t words = number == std::string::npos ? number : line.find_first_not_of("0123456789", number + 1);
  if (words == std::string::npos || words == number + 1 || line.substr(words, 2) != ": ") return std::nullopt;
  if (line.find(' ') < words) return std::nullopt;
  return line.substr(words + 2);
}

}  // namespace

std::string without_code(std::string_view message) {
  const std::vector<std::string> all = split_lines(message);
  std::vector<std::string> kept;
  for (Lines rest = all; !rest.empty();) {
    if (is_condition(rest) && is_told(rest.subspan(3))) {
      rest = rest.subspan(3);
      continue;
    }
    if (is_equality(rest) && is_told(rest.subspan(5))) {
      kept.push_back(rest[5]);
      kept.push_back("Expected: " + rest[4].substr(kWhichIs.size()));
      kept.push_back("  Actual: " + rest[2].substr(kWhichIs.size()));
      rest = rest.subspan(6);
      continue;
    }
    if (rest[0] == "Failed" && is_told(rest.subspan(1))) {
      rest = rest.subspan(1);
      continue;
    }
    if (rest[0] == kTrace && rest.size() > 1 && told_by_trace(rest[1])) {
      for (rest = rest.subspan(1); !rest.empty(); rest = rest.subspan(1)) {
        const auto told = told_by_trace(rest[0]);
        if (!told) break;
        kept.push_back(*told);
      }
      continue;
    }
    const std::size_t actual = rest[0].rfind(kActual);
    if (rest[0].starts_with("Expected: (") && actual != std::string::npos && is_told(rest.subspan(1))) {
      kept.push_back(rest[1]);
      kept.push_back("  Actual: " + rest[0].substr(actual + kActual.size()));
      rest = rest.subspan(2);
      continue;
    }
    const bool is_matcher = rest.size() >= 2 && rest[0].starts_with("Value of: ") && rest[1].starts_with("Expected: ");
    if (!is_matcher) {
      if (auto line = without_type(rest.front())) kept.push_back(*std::move(line));
    }
    rest = rest.subspan(1);
  }
  return join(kept, "\n");
}

}  // namespace netns_lab::reports
