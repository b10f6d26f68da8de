#include "harness/node/isolation_overlay.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "harness/node/isolation_mount.h"

namespace netns_lab::node {
namespace {

Result<void> make_folder(const std::string& path, mode_t mode) {
  const bool plain = mode == 0755;  // the umask is 022: chmod(2) has nothing to add
  if ((::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) && (plain || ::chmod(path.c_str(), mode) == 0)) return {};
  return tl::unexpected(Error::system(fmt::format("create folder {}", path), errno));
}

// "/var/lib" -> "var_slib": one level is enough for all of them.
std::string flat(const std::string& folder) {
  std::string name;
  for (const char c : folder.substr(1)) name += c == '/' ? std::string("_s") : c == '_' ? "_u" : std::string(1, c);
  return name;
}

constexpr std::size_t kMostParts = 300;  // folders of one folder that get an overlay each

// The options of overlayfs part by these characters. And a folder that we may not read (/root, as a plain user) would
// give an overlay in which nothing works.
bool can_be_overlaid(const std::string& folder) {
  return folder.find_first_of(":,\\\"") == std::string::npos && ::access(folder.c_str(), R_OK | X_OK) == 0;
}

bool is_below(const std::string& path, const std::string& folder) { return path.starts_with(folder + "/"); }

// Mounts right below `folder` (their own ones come with them), folders only: copied before the folder is covered,
// attached afterwards.
std::vector<std::pair<std::string, UniqueFd>> copy_mounts_below(const std::string& folder,
                                                                const std::vector<std::string>& mount_points) {
  std::vector<std::pair<std::string, UniqueFd>> copies;
  std::vector<std::string> inside;
  for (const std::string& point : mount_points) {
    if (is_below(point, folder)) inside.push_back(point);
  }
  std::sort(inside.begin(), inside.end());
  for (const std::string& point : inside) {
    if (!copies.empty() && (point == copies.back().first || is_below(point, copies.back().first))) continue;
    struct stat status {};
    if (::stat(point.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
    auto copy = copy_of_mount(point, Subtree::kWithMountsBelow);
    if (copy) copies.emplace_back(point, std::move(*copy));
  }
  return copies;
}

// The fallback: an empty tmpfs, and in it what the folder held, bound read-only. Returns the folders among that.
Result<std::vector<std::string>> cover_with_tmpfs(const std::string& folder, mode_t mode) {
  NETNS_LAB_ASSIGN(const UniqueFd old, copy_with_what_is_locked(folder));
  std::vector<std::pair<std::string, bool>> held;  // name, is a folder
  std::vector<std::pair<std::string, std::string>> symbolic_links;
  if (const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), ::closedir); listing) {
    while (const dirent* item = ::readdir(listing.get())) {
      const std::string name = item->d_name;
      struct stat status {};
      if (name == "." || name == ".." ||
          ::fstatat(::dirfd(listing.get()), item->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        continue;
      char target[4096];
      const ssize_t length =
          S_ISLNK(status.st_mode) ? ::readlinkat(::dirfd(listing.get()), item->d_name, target, sizeof target) : -1;
      if (length > 0) symbolic_links.emplace_back(name, std::string(target, static_cast<std::size_t>(length)));
      if (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode)) held.emplace_back(name, S_ISDIR(status.st_mode));
    }
  }
  std::vector<std::pair<std::string, UniqueFd>> copies;
  for (const auto& [name, is_folder] : held) {
    auto copy = copy_with_what_is_locked(folder + "/" + name);
    if (copy) copies.emplace_back(name, std::move(*copy));
  }
  NETNS_LAB_TRY(mount_file_system("tmpfs", folder, MS_NOSUID | MS_NODEV, fmt::format("mode={:o}", mode)));
  for (const auto& [name, copy] : copies) {
    const std::string path = folder + "/" + name;
    const std::string& wanted = name;
    const bool is_folder =
        std::any_of(held.begin(), held.end(), [&](const auto& item) { return item.first == wanted && item.second; });
    if (is_folder) {
      ::mkdir(path.c_str(), 0755);
    } else {
      const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    }
    const auto attached = attach_mount(copy, path);
    // Deleted on the machine meanwhile.
    const bool is_gone = !attached && attached.error().system_errno == ENOENT;
    if (is_gone && (is_folder ? ::rmdir(path.c_str()) : ::unlink(path.c_str())) == 0) continue;
    if (!attached) return tl::unexpected(attached.error());
  }
  for (const auto& [name, target] : symbolic_links) {
    if (::symlink(target.c_str(), (folder + "/" + name).c_str()) != 0) {
      return tl::unexpected(Error::system(fmt::format("create the symbolic link {}/{}", folder, name), errno));
    }
  }
  std::vector<std::string> folders;
  for (const auto& [name, is_folder] : held) {
    if (is_folder) folders.push_back(folder + "/" + name);
  }
  return folders;
}

// Whether it became an overlay, with the mounts that lie below it attached nowhere. Error: what it lies on is ours.
Result<bool> cover_with_overlay(const std::string& folder, const std::string& scratch, const struct stat& was) {
  if (!can_be_overlaid(folder)) return false;
  const std::string upper = upper_of(folder, scratch);
  const std::string work = scratch + "/work/" + flat(folder);
  NETNS_LAB_TRY(make_folder(upper, was.st_mode & 07777));
  // An owner that this user namespace does not know stays away: the folder is its root's then.
  if ((was.st_uid != 0 || was.st_gid != 0) && ::chown(upper.c_str(), was.st_uid, was.st_gid) != 0) errno = 0;
  NETNS_LAB_TRY(make_folder(work, 0755));
  NETNS_LAB_TRY(make_folder(lower_of(folder, scratch), 0755));
  NETNS_LAB_ASSIGN(const UniqueFd before, copy_with_what_is_locked(folder));
  // userxattr: in a user namespace the trusted.* attributes that overlayfs prefers are out of reach
  // (Documentation/filesystems/overlayfs.rst).
  if (!mount_file_system("overlay", folder, MS_NOSUID | MS_NODEV,
                         fmt::format("lowerdir={},upperdir={},workdir={},userxattr", folder, upper, work))) {
    return false;
  }
  NETNS_LAB_TRY(attach_mount(before, lower_of(folder, scratch)));
  return true;
}

Result<void> cover(const std::string& folder, const std::string& scratch, const std::vector<std::string>& mount_points,
                   Cover& made) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0)
    return tl::unexpected(Error::system(fmt::format("look at folder {}", folder), errno));
  NETNS_LAB_ASSIGN(const bool overlaid, cover_with_overlay(folder, scratch, status));
  if (overlaid) {
    made.writable.emplace_back(folder, upper_of(folder, scratch));
    return {};
  }
  const auto holds_mount = [&](const std::string& path) {
    return std::ranges::any_of(mount_points, [&](const std::string& point) { return is_below(point, path); });
  };
  if (!made.parted.empty() && !holds_mount(folder)) {
    made.read_only.push_back(folder);
    return {};
  }
  NETNS_LAB_ASSIGN(const std::vector<std::string> folders, cover_with_tmpfs(folder, status.st_mode & 07777));
  made.writable.emplace_back(folder, folder);
  made.parted.push_back(folder);
  // Where none can be had at all, one is tried in vain.
  for (const std::string& part : folders) {
    if (!can_be_overlaid(part) || std::ranges::find(mount_points, part) != mount_points.end()) continue;
    if (folders.size() <= kMostParts && made.read_only.empty()) {
      NETNS_LAB_TRY(cover(part, scratch, mount_points, made));
    } else {
      made.read_only.push_back(part);
    }
  }
  return {};
}

}  // namespace

std::string upper_of(const std::string& folder, const std::string& scratch) {
  return scratch + "/upper/" + flat(folder);
}

std::string lower_of(const std::string& folder, const std::string& scratch) {
  return scratch + "/lower/" + flat(folder);
}

Result<void> prepare_scratch(const std::string& scratch) {
  for (const char* layer : {"/upper", "/work", "/lower"}) NETNS_LAB_TRY(make_folder(scratch + layer, 0755));
  return {};
}

Result<Cover> cover_writable(const std::string& folder, const std::string& scratch,
                             const std::vector<std::string>& mount_points) {
  const auto below = copy_mounts_below(folder, mount_points);
  Cover made;
  NETNS_LAB_TRY(cover(folder, scratch, mount_points, made));
  for (const auto& [point, copy] : below) {
    struct stat there {};
    if (::stat(point.c_str(), &there) == 0) NETNS_LAB_TRY(attach_mount(copy, point));
  }
  return made;
}

Result<void> cover_with(const std::string& folder, const std::string& added) {
  return mount_file_system("overlay", folder, MS_NODEV | MS_RDONLY, fmt::format("lowerdir={}:{}", added, folder));
}

}  // namespace netns_lab::node
