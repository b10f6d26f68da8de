#include "harness/node/file_attributes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "harness/base/text.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::node {
namespace {

constexpr std::array<std::string_view, 2> kOverlayRecords = {"user.overlay.", "trusted.overlay."};
// Labels of a security module are its own doing: overlayfs gives a copied file another one (selinux_inode_copy_up).
constexpr std::array<std::string_view, 4> kSomebodysDoing = {"user.", "trusted.", "security.capability",
                                                             "system.posix_acl_"};

template <std::size_t kSize>
bool begins_with_one(std::string_view name, const std::array<std::string_view, kSize>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return name.substr(0, prefix.size()) == prefix; });
}

std::optional<std::string> value_of(const std::string& path, const char* name) {
  std::string value(256, '\0');
  for (;;) {
    const ssize_t size = ::lgetxattr(path.c_str(), name, value.data(), value.size());
    if (size >= 0) {
      value.resize(static_cast<std::size_t>(size));
      return value;
    }
    if (errno != ERANGE || value.size() > 65536) return std::nullopt;  // XATTR_SIZE_MAX
    value.resize(value.size() * 4);
  }
}

ssize_t read_all(int fd, char* to, std::size_t size) {
  std::size_t got = 0;
  while (got < size) {
    const ssize_t n = ::read(fd, to + got, size - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  return static_cast<ssize_t>(got);
}

}  // namespace

std::map<std::string, std::string> extended_attributes(const std::string& path) {
  std::map<std::string, std::string> found;
  std::array<char, 4096> names;
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  for (ssize_t at = 0; at < size;) {
    const std::string name(names.data() + at);
    at += static_cast<ssize_t>(name.size()) + 1;
    if (!begins_with_one(name, kSomebodysDoing) || begins_with_one(name, kOverlayRecords)) continue;
    if (auto value = value_of(path, name.c_str())) found.emplace(name, *std::move(value));
  }
  return found;
}

bool hides_what_was_there(const std::string& upper_folder) {
  for (const std::string_view prefix : kOverlayRecords) {
    const auto value = value_of(upper_folder, fmt::format("{}opaque", prefix).c_str());
    if (value && *value == "y") return true;  // "x": holds whiteouts of another form
  }
  return false;
}

std::optional<FileAttributes> FileAttributes::of(const std::string& path) {
  FileAttributes attributes;
  if (::lstat(path.c_str(), &attributes.status) != 0) return std::nullopt;
  attributes.extended = extended_attributes(path);
  return attributes;
}

std::string attribute_changes(const FileAttributes& before, const FileAttributes& now) {
  const struct stat& was = before.status;
  const struct stat& is = now.status;
  if ((was.st_mode & S_IFMT) != (is.st_mode & S_IFMT)) return "it is of another type than it was";
  std::vector<std::string> texts;
  if (was.st_mode != is.st_mode)
    texts.push_back(fmt::format("mode {:o}, it was {:o}", is.st_mode & 07777U, was.st_mode & 07777U));
  if (was.st_uid != is.st_uid || was.st_gid != is.st_gid)
    texts.push_back(fmt::format("owner {}:{}, it was {}:{}", is.st_uid, is.st_gid, was.st_uid, was.st_gid));
  if (before.extended != now.extended) texts.emplace_back("its extended attributes were changed");
  const bool is_touched = was.st_ino != is.st_ino || was.st_size != is.st_size ||
                          was.st_ctim.tv_sec != is.st_ctim.tv_sec || was.st_ctim.tv_nsec != is.st_ctim.tv_nsec;
  if (texts.empty() && !S_ISDIR(is.st_mode) && is_touched) texts.emplace_back("it was changed");
  return join(texts, "; ");
}

bool same_contents(const std::string& a, const std::string& b) {
  const UniqueFd one(::open(a.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  const UniqueFd other(::open(b.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!one.valid() || !other.valid()) return true;
  std::array<char, 65536> left;
  std::array<char, 65536> right;
  for (;;) {
    const ssize_t got = read_all(one.get(), left.data(), left.size());
    const ssize_t other_got = read_all(other.get(), right.data(), right.size());
    if (got < 0 || other_got < 0) return true;
    const auto size = static_cast<std::size_t>(got);
    if (got != other_got || std::string_view(left.data(), size) != std::string_view(right.data(), size)) return false;
    if (got == 0) return true;
  }
}

}  // namespace netns_lab::node
