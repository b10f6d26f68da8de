#include "harness/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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
  return length;
}

// Whether the valid sequence `bytes` stands for a character that may be shown: no C1 control, and none that XML 1.0
// refuses (U+FFFE, U+FFFF).
bool may_be_shown(std::string_view bytes) {
  if (bytes.size() == 1) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    return byte == '\n' || byte == '\t' || (byte >= 0x20 && byte != 0x7F);
  }
  if (bytes.size() == 2) return !(bytes[0] == '\xC2' && static_cast<unsigned char>(bytes[1]) < 0xA0);
  return bytes != "\xEF\xBF\xBE" && bytes != "\xEF\xBF\xBF";
}

// Copies the sequences that `keep` accepts; every other byte becomes \xNN.
template <typename Keep>
std::string escape_others(std::string_view bytes, Keep keep) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = utf8_sequence(bytes);
    if (length != 0 && keep(bytes.substr(0, length))) {
      out += bytes.substr(0, length);
      bytes.remove_prefix(length);
    } else {
      out += fmt::format("\\x{:02X}", static_cast<unsigned char>(bytes.front()));
      bytes.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace

std::string visible(std::string_view bytes) { return escape_others(bytes, may_be_shown); }

std::string visible_line(std::string_view bytes) {
  return escape_others(bytes, [](std::string_view one) { return may_be_shown(one) && one != "\n" && one != "\t"; });
}

std::string make_utf8(std::string_view bytes) {
  return escape_others(bytes, [](std::string_view) { return true; });
}

std::string visible(std::string_view bytes, std::size_t limit) {
  if (bytes.size() <= limit) return visible(bytes);
  // Not in the middle of a character: back over at most three continuation bytes.
  for (int i = 0; i < 3 && limit > 0 && (static_cast<unsigned char>(bytes[limit]) & 0xC0) == 0x80; ++i) --limit;
  return visible(bytes.substr(0, limit)) + fmt::format("… ({} bytes more)", bytes.size() - limit);
}

std::string hexadecimal(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15U];
  }
  return text;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string join_first(std::span<const std::string> parts, std::size_t most) {
  if (parts.size() <= most) return join(parts, "; ");
  return fmt::format("{}; and {} more", fmt::join(parts.first(most), "; "), parts.size() - most);
}

std::string last_words(std::string_view text, std::size_t lines, std::size_t limit) {
  std::vector<std::string> all = split_lines(text);
  std::erase_if(all, [](const std::string& line) { return line.find_first_not_of(" \t\r") == std::string::npos; });
  const std::size_t first = all.size() > lines ? all.size() - lines : 0;
  return visible(join(std::span(all).subspan(first), " | "), limit);
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
  if (word.empty()) return best;
  // Of a short word no more than half is mistyped.
  const std::size_t most = std::min(word.size() / 2, std::max<std::size_t>(2, word.size() / 3));
  std::size_t best_distance = most + 1;
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
