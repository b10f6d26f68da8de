#include "harness/netns/mount_table.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "harness/base/text.h"

namespace netns_lab {
namespace {

constexpr auto kMountInfo = "/proc/thread-self/mountinfo";

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> found;
  while (!line.empty()) {
    const std::size_t end = line.find(' ');
    found.push_back(line.substr(0, end));
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 1);
  }
  return found;
}

// The kernel writes blank, tab, newline and backslash as \ooo (mangle() in fs/seq_file.c).
std::string unescape(std::string_view text) {
  const auto octal = [](char digit) { return digit >= '0' && digit <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) && octal(text[i + 2]) && octal(text[i + 3])) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<MountTable> MountTable::read() {
  std::ifstream file(kMountInfo);
  if (!file) return tl::unexpected(Error::system(std::string("read ") + kMountInfo, errno));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return parse(text);
}

MountTable MountTable::parse(std::string_view mountinfo) {
  MountTable table;
  for (const std::string& line : split_lines(mountinfo)) {
    // 36 35 98:0 /root /mount/point rw,noatime master:1 - ext3 /dev/root rw
    const std::vector<std::string_view> fields = words(line);
    const auto separator = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 6 || separator == fields.end() || separator + 1 == fields.end() ||
        separator - fields.begin() < 6)
      continue;
    const std::optional<std::uint64_t> id = number(fields[0]);
    const std::optional<std::uint64_t> parent = number(fields[1]);
    if (!id || !parent) continue;
    table.entries_.push_back({.id = *id,
                              .parent = *parent,
                              .root = unescape(fields[3]),
                              .mount_point = unescape(fields[4]),
                              .options = std::string(fields[5]),
                              .file_system = std::string(*(separator + 1))});
  }
  return table;
}

unsigned MountTable::stacked_at(std::string_view path) const {
  const auto by_id = [&](std::uint64_t id) {
    return std::find_if(entries_.begin(), entries_.end(), [&](const MountEntry& entry) { return entry.id == id; });
  };
  unsigned deepest = 0;
  for (const MountEntry& entry : entries_) {
    if (entry.mount_point != path) continue;
    unsigned depth = 1;
    for (auto below = by_id(entry.parent); below != entries_.end() && below->mount_point == path;
         below = by_id(below->parent))
      ++depth;
    deepest = std::max(deepest, depth);
  }
  return deepest;
}

}  // namespace netns_lab
