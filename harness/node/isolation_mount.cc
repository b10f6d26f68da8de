#include "harness/node/isolation_mount.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace netns_lab::node {
namespace {

// linux/mount.h, linux/fcntl.h.
constexpr unsigned kOpenTreeClone = 1;
constexpr unsigned kOpenTreeCloseOnExec = O_CLOEXEC;
constexpr unsigned kMoveMountFromEmptyPath = 0x4;
constexpr std::uint64_t kMountAttributeReadOnly = 0x1;
constexpr unsigned kAtRecursive = 0x8000;
constexpr unsigned kAtEmptyPath = 0x1000;

struct MountAttributes {
  std::uint64_t set = 0;
  std::uint64_t clear = 0;
  std::uint64_t propagation = 0;
  std::uint64_t user_namespace = 0;
};

Result<void> set_attributes(int directory, const std::string& path, unsigned flags, MountAttributes attributes,
                            const std::string& attempted) {
  if (::syscall(SYS_mount_setattr, directory, path.c_str(), flags, &attributes, sizeof attributes) == 0) return {};
  const int set_errno = errno;
  Error error = Error::system(attempted, set_errno);
  if (set_errno == ENOSYS) {
    error.kind = ErrorKind::kMissing;
    error.remedy = "Linux 5.12 or newer is needed";
  }
  return tl::unexpected(std::move(error));
}

}  // namespace

Result<void> mount_file_system(const std::string& type, const std::string& at, unsigned long flags,
                               const std::string& options) {
  if (::mount(type.c_str(), at.c_str(), type.c_str(), flags, options.empty() ? nullptr : options.c_str()) == 0)
    return {};
  return tl::unexpected(Error::system(fmt::format("mount {} at {} ({})", type, at, options), errno));
}

Result<UniqueFd> copy_of_mount(const std::string& path, Subtree subtree) {
  const unsigned flags =
      kOpenTreeClone | kOpenTreeCloseOnExec | (subtree == Subtree::kWithMountsBelow ? kAtRecursive : 0);
  UniqueFd copy(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), flags)));
  if (!copy.valid()) return tl::unexpected(Error::system(fmt::format("copy the mount at {}", path), errno));
  return copy;
}

Result<UniqueFd> copy_with_what_is_locked(const std::string& path) {
  auto alone = copy_of_mount(path, Subtree::kThisMountOnly);
  if (alone || alone.error().system_errno != EINVAL) return alone;
  return copy_of_mount(path, Subtree::kWithMountsBelow);
}

Result<void> attach_mount(const UniqueFd& copy, const std::string& path) {
  if (::syscall(SYS_move_mount, copy.get(), "", AT_FDCWD, path.c_str(), kMoveMountFromEmptyPath) == 0) return {};
  return tl::unexpected(Error::system(fmt::format("attach a mount at {}", path), errno));
}

Result<void> make_read_only(const std::string& path, Subtree subtree) {
  return set_attributes(AT_FDCWD, path, subtree == Subtree::kWithMountsBelow ? kAtRecursive : 0,
                        {.set = kMountAttributeReadOnly}, fmt::format("make {} read-only", path));
}

Result<void> make_read_only(const UniqueFd& copy) {
  return set_attributes(copy.get(), "", kAtEmptyPath, {.set = kMountAttributeReadOnly},
                        "make a copied mount read-only");
}

Result<void> make_writable(const std::string& path) {
  return set_attributes(AT_FDCWD, path, 0, {.clear = kMountAttributeReadOnly}, fmt::format("make {} writable", path));
}

Result<void> make_writable(const UniqueFd& copy) {
  return set_attributes(copy.get(), "", kAtEmptyPath, {.clear = kMountAttributeReadOnly},
                        "make a copied mount writable");
}

Result<void> make_mounts_private() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return {};
  return tl::unexpected(Error::system("make all mounts private", errno));
}

}  // namespace netns_lab::node
