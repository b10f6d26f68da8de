#include "harness/testing/selection.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace netns_lab {
namespace {

// Whether what was read of a pattern so far can only be of ids: lower case, and more than stars.
bool begins_an_id(const std::string& filter, std::size_t end) {
  const std::size_t start = end == 0 ? 0 : filter.rfind(':', end - 1) + 1;  // npos + 1 is 0
  const std::string_view pattern = std::string_view(filter).substr(start, end - start);
  const auto any = [&](int (*is)(int)) {
    return std::any_of(pattern.begin(), pattern.end(), [&](unsigned char letter) { return is(letter) != 0; });
  };
  return any(&std::islower) && !any(&std::isupper);
}

// Where the negative part starts; npos when there is none.
std::size_t negative_part(const std::string& filter) {
  for (std::size_t i = 0; i < filter.size(); ++i) {
    if (filter[i] != '-') continue;
    if (i == 0 || filter[i - 1] == ':') return i;
    const char next = i + 1 < filter.size() ? filter[i + 1] : '\0';
    if (std::isupper(static_cast<unsigned char>(next)) != 0 || (next == '*' && !begins_an_id(filter, i))) return i;
  }
  return std::string::npos;
}

std::vector<std::string> patterns(const std::string& part) {
  std::vector<std::string> found;
  std::size_t start = 0;
  while (start <= part.size()) {
    const std::size_t end = std::min(part.find(':', start), part.size());
    if (end > start) found.push_back(part.substr(start, end - start));
    start = end + 1;
  }
  return found;
}

bool any_matches(const std::vector<std::string>& patterns, const std::string& text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return matches_glob(pattern, text); });
}

bool names_case(const std::vector<std::string>& patterns, const std::string& suite, const std::string& name) {
  return any_matches(patterns, suite + "." + name) || any_matches(patterns, name);
}

}  // namespace

bool matches_glob(const std::string& pattern, const std::string& text) {
  // Greedy with one point to return to: the last '*' seen.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] != '*' && pattern[p] == text[t]))) {
      ++p;
      ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (star != std::string::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Selection::Selection(const std::string& filter, const std::vector<Requirement>& catalogue) {
  const auto sort_out = [&](const std::string& part, std::vector<std::string>& cases, std::vector<std::string>& ids) {
    for (const std::string& pattern : patterns(part)) {
      const bool is_id =
          pattern != "*" && std::any_of(catalogue.begin(), catalogue.end(), [&](const Requirement& requirement) {
            return matches_glob(pattern, requirement.id);
          });
      (is_id ? ids : cases).push_back(pattern);
    }
  };
  const std::size_t negative = negative_part(filter);
  sort_out(filter.substr(0, negative), cases_, ids_);
  if (negative != std::string::npos) sort_out(filter.substr(negative + 1), not_cases_, not_ids_);
  if (cases_.empty() && ids_.empty()) cases_.emplace_back("*");
}

std::vector<std::string> Selection::unmatched(const std::vector<std::string>& cases) const {
  std::vector<std::string> found;
  for (const std::string& pattern : cases_) {
    const auto matches = [&](const std::string& one) {
      return names_case({pattern}, one.substr(0, one.find('.')), one.substr(one.find('.') + 1));
    };
    if (std::none_of(cases.begin(), cases.end(), matches)) found.push_back(pattern);
  }
  return found;
}

bool Selection::takes_case(const std::string& suite, const std::string& name) const {
  if (names_case(not_cases_, suite, name)) return false;
  return !ids_.empty() || names_case(cases_, suite, name);
}

bool Selection::takes(const std::string& suite, const std::string& name, const std::string& requirement) const {
  if (names_case(not_cases_, suite, name) || any_matches(not_ids_, requirement)) return false;
  return any_matches(ids_, requirement) || names_case(cases_, suite, name);
}

}  // namespace netns_lab
