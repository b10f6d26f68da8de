#include "harness/base/text.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace netns_lab {
namespace {

// Length of the valid UTF-8 sequence at the start of `bytes` (RFC 3629), or 0.
std::size_t utf8_sequence(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = at(0);
  std::size_t length = 0;
  char32_t code = 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) length = 2, code = first & 0x1F;
  if (first >= 0xE0 && first <= 0xEF) length = 3, code = first & 0x0F;
  if (first >= 0xF0 && first <= 0xF4) length = 4, code = first & 0x07;
  if (length == 0 || bytes.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (at(i) & 0x3F);
  }
  if (length == 3 && (code < 0x800 || (code >= 0xD800 && code <= 0xDFFF))) return 0;
  if (length == 4 && (code < 0x10000 || code > 0x10FFFF)) return 0;
  if (code >= 0x80 && code < 0xA0) return 0;              // C1 control characters
  if (code == 0xFFFE || code == 0xFFFF) return 0;         // not characters; XML 1.0 refuses them
  return length;
}

}  // namespace

std::string visible(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    const std::size_t length = utf8_sequence(bytes);
    const bool printable = length > 1 || (length == 1 && (byte == '\n' || byte == '\t' || (byte >= 0x20 && byte != 0x7F)));
    if (printable) {
      out += bytes.substr(0, length);
      bytes.remove_prefix(length);
    } else {
      out += fmt::format("\\x{:02X}", byte);
      bytes.remove_prefix(1);
    }
  }
  return out;
}

std::string visible(std::string_view bytes, std::size_t limit) {
  if (bytes.size() <= limit) return visible(bytes);
  return visible(bytes.substr(0, limit)) + fmt::format("… ({} bytes more)", bytes.size() - limit);
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string nearest_word(std::string_view word, std::span<const std::string> known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i);
      for (std::size_t j = 1; j < row.size(); ++j) {
        const std::size_t substituted = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace netns_lab
