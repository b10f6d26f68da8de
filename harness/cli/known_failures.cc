#include "harness/cli/known_failures.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"
#include "harness/cli/option_file.h"

namespace netns_lab::cli {
namespace {

constexpr std::size_t kMostBytes = 1024 * 1024;
constexpr auto kBlanks = " \t\r";
constexpr auto kForm = "write: requirement-id [target]  # reason";

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(kBlanks) + 1 - first));
}

// A '#' begins the reason only behind a blank: a path may hold one.
std::size_t where_the_reason_begins(const std::string& line) {
  for (std::size_t at = line.find('#'); at != std::string::npos; at = line.find('#', at + 1)) {
    if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') return at;
  }
  return line.size();
}

KnownFailure parse_line(const std::string& line) {
  const std::size_t reason = where_the_reason_begins(line);
  const std::string subject = trimmed(std::string_view(line).substr(0, reason));
  const std::size_t blank = std::min(subject.find_first_of(kBlanks), subject.size());
  KnownFailure known;
  known.requirement = subject.substr(0, blank);
  known.target = trimmed(std::string_view(subject).substr(blank));
  if (reason < line.size()) known.reason = visible(trimmed(std::string_view(line).substr(reason + 1)));
  return known;
}

}  // namespace

Result<std::vector<KnownFailure>> parse_known_failures(std::string_view text, const std::string& name,
                                                       const std::vector<Scenario>& scenarios) {
  std::vector<std::string> ids;
  for (const Scenario& scenario : scenarios) {
    for (const Requirement& requirement : scenario.requirements) ids.push_back(requirement.id);
  }
  std::vector<KnownFailure> all;
  std::size_t number = 0;
  for (const std::string& line : split_lines(text)) {
    KnownFailure known = parse_line(line);
    known.line = ++number;
    const auto refuse = [&](std::string detail, std::string remedy) {
      return tl::unexpected(Error::invalid(fmt::format("--known-failures {}:{}", visible(name, 200), number),
                                           std::move(detail), std::move(remedy)));
    };
    if (known.requirement.empty()) continue;  // nothing, or a comment
    if (std::find(ids.begin(), ids.end(), known.requirement) == ids.end()) {
      const std::string nearest = nearest_word(known.requirement, ids);
      return refuse(
          fmt::format("there is no requirement \"{}\"", visible(known.requirement, 80)),
          nearest.empty() ? "netns-lab list requirements names them all" : fmt::format("did you mean {}?", nearest));
    }
    if (known.reason.empty()) return refuse(known.requirement + " is listed without a reason", kForm);
    for (const KnownFailure& other : all) {
      if (other.requirement != known.requirement || other.target != known.target) continue;
      return refuse(fmt::format("{} is listed already, in line {}", known.requirement, other.line), "keep one of them");
    }
    all.push_back(std::move(known));
  }
  return all;
}

Result<std::vector<KnownFailure>> read_known_failures(const std::string& path, const std::vector<Scenario>& scenarios) {
  NETNS_LAB_ASSIGN(const std::string text, read_option_file("--known-failures", path, kMostBytes));
  if (text.size() <= kMostBytes) return parse_known_failures(text, path, scenarios);
  return tl::unexpected(Error::invalid("--known-failures " + visible(path, 200),
                                       fmt::format("it has more than {} bytes", kMostBytes), kForm));
}

std::map<std::string, std::string> of_target(const std::vector<KnownFailure>& known, const std::string& target) {
  std::map<std::string, std::string> reasons;
  for (const KnownFailure& one : known) {
    if (one.target == target) reasons[one.requirement] = one.reason;
    if (one.target.empty()) reasons.emplace(one.requirement, one.reason);
  }
  return reasons;
}

}  // namespace netns_lab::cli
