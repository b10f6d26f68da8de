#include "harness/netns/mount_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

#include "harness/base/unique_fd.h"

namespace netns_lab {
namespace {

constexpr auto kMountInfo = "thread-self/mountinfo";  // below a mounted proc

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

// A file that was bound and then deleted, or replaced, where it came from is still mounted (dentry_path, fs/d_path.c).
std::string without_deleted_mark(std::string root) {
  constexpr std::string_view kMark = "//deleted";
  if (root.size() > kMark.size() && root.ends_with(kMark)) root.resize(root.size() - kMark.size());
  return root;
}

}  // namespace

Result<MountTable> MountTable::read() {
  const UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!proc.valid()) return tl::unexpected(Error::system("open /proc", errno));
  return read(proc.get());
}

Result<MountTable> MountTable::read(int proc) {
  NETNS_LAB_ASSIGN(const std::string text, read_text(proc));
  return parse(text);
}

Result<std::string> MountTable::read_text(int proc) {
  const auto failed = [] { return tl::unexpected(Error::system("read the mounts of /proc/thread-self", errno)); };
  const UniqueFd file(::openat(proc, kMountInfo, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return failed();
  std::string text;
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

MountTable MountTable::parse(std::string_view mountinfo) {
  MountTable table;
  while (!mountinfo.empty()) {
    const std::size_t end = mountinfo.find('\n');
    const std::string_view line = mountinfo.substr(0, end);
    mountinfo.remove_prefix(end == std::string_view::npos ? mountinfo.size() : end + 1);
    // 36 35 98:0 /root /mount/point rw,noatime master:1 - ext3 /dev/root rw
    const std::vector<std::string_view> fields = words(line);
    const auto separator = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 6 || separator == fields.end() || separator + 1 == fields.end() ||
        separator - fields.begin() < 6)
      continue;
    const std::optional<std::uint64_t> id = number(fields[0]);
    const std::optional<std::uint64_t> parent = number(fields[1]);
    if (!id || !parent) continue;
    MountEntry entry{.id = *id,
                     .parent = *parent,
                     .root = without_deleted_mark(unescape(fields[3])),
                     .mount_point = unescape(fields[4]),
                     .options = std::string(fields[5]),
                     .propagation = "",
                     .file_system = std::string(*(separator + 1))};
    for (auto field = fields.begin() + 6; field != separator; ++field) {
      entry.propagation += entry.propagation.empty() ? "" : " ";
      entry.propagation += *field;
    }
    table.entries_.push_back(std::move(entry));
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

bool MountTable::is_hidden(const MountEntry& entry) const {
  // What is mounted on a mount's own root has it as its parent (attach_recursive_mnt, fs/namespace.c).
  const auto lies_on_it = [&](const MountEntry& other) {
    return other.parent == entry.id && other.mount_point == entry.mount_point;
  };
  if (std::any_of(entries_.begin(), entries_.end(), lies_on_it)) return true;
  // Mounts of one parent: one at a folder above hides the other. Then the same for the parent, and so on.
  const MountEntry* at = &entry;
  for (std::size_t depth = 0; depth <= entries_.size(); ++depth) {
    const auto lies_above = [&](const MountEntry& other) {
      return other.parent == at->parent && other.id != at->id && at->mount_point.rfind(other.mount_point + "/", 0) == 0;
    };
    if (std::any_of(entries_.begin(), entries_.end(), lies_above)) return true;
    const auto parent = std::find_if(entries_.begin(), entries_.end(), [&](const MountEntry& other) {
      return other.id == at->parent && other.id != at->id;
    });
    if (parent == entries_.end()) return false;
    at = &*parent;
  }
  return false;
}

}  // namespace netns_lab
