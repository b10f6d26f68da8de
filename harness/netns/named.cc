#include "harness/netns/named.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <linux/nsfs.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>
#include <optional>
#include <utility>

#include "harness/base/text.h"
#include "harness/netns/mount_table.h"

namespace netns_lab {
namespace {

// What iproute2 does once per boot: the folder becomes a shared mount of itself, so that names made in one mount
// namespace are seen in those that were copied from it.
Result<void> prepare_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    return tl::unexpected(Error::system(fmt::format("create folder {}", directory), errno));
  }
  if (::mount("", directory.c_str(), "none", MS_SHARED | MS_REC, nullptr) == 0) return {};
  if (errno != EINVAL) return tl::unexpected(Error::system(fmt::format("share the mount {}", directory), errno));
  // EINVAL: not a mount point yet. Names that somebody bound there by hand would be below that mount, and their makers
  // could not take them away any more.
  const auto mounts = MountTable::read();
  const auto is_name = [&](const MountEntry& entry) { return entry.mount_point.starts_with(directory + "/"); };
  if (mounts && std::ranges::any_of(mounts->entries(), is_name)) return {};
  if (::mount(directory.c_str(), directory.c_str(), "none", MS_BIND | MS_REC, nullptr) != 0 ||
      ::mount("", directory.c_str(), "none", MS_SHARED | MS_REC, nullptr) != 0) {
    return tl::unexpected(Error::system(fmt::format("make {} a shared mount of itself", directory), errno));
  }
  return {};
}

NamespaceEntry inspect(const std::string& path, const std::string& name, const MountTable& mounts) {
  NamespaceEntry entry;
  entry.name = name;
  entry.mounts = mounts.stacked_at(path);
  const UniqueFd handle(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct statfs file_system {};
  if (!handle.valid() || ::fstatfs(handle.get(), &file_system) != 0 || file_system.f_type != NSFS_MAGIC) return entry;
  entry.is_nsfs_mount = true;
  struct stat status {};
  if (::fstat(handle.get(), &status) == 0) entry.inode = status.st_ino;
  const UniqueFd readable(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  entry.is_network = readable.valid() && ::ioctl(readable.get(), NS_GET_NSTYPE) == CLONE_NEWNET;
  return entry;
}

}  // namespace

Result<void> check_namespace_name(std::string_view name) {
  const auto refuse = [&](const std::string& why) -> Result<void> {
    return tl::unexpected(Error::invalid(fmt::format("network namespace name \"{}\"", visible(name, 64)), why));
  };
  if (name.empty()) return refuse("it is empty; a name of 1 to 255 bytes was expected");
  if (name == "." || name == "..") return refuse("it names a folder, not a namespace");
  if (name.find('/') != std::string_view::npos)
    return refuse("it holds a '/'; a name becomes a file in /run/netns and cannot be a path");
  if (name.find('\0') != std::string_view::npos) return refuse("it holds a NUL byte");
  if (name.size() > NAME_MAX)
    return refuse(fmt::format("it has {} bytes; at most {} are possible", name.size(), NAME_MAX));
  return {};
}

Result<void> name_namespace(const NetworkNamespace& network_namespace, const std::string& directory,
                            const std::string& name) {
  NETNS_LAB_TRY(check_namespace_name(name));
  NETNS_LAB_TRY(prepare_directory(directory));
  const std::string path = directory + "/" + name;
  const std::string attempted = fmt::format("name a network namespace {}", path);
  // Mode 0 as iproute2: only the mount on top is meant to be opened.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0));
  if (!file.valid()) {
    if (errno == EEXIST) {
      return tl::unexpected(Error::taken(attempted, "the name is already in use",
                                         fmt::format("remove it with: ip netns delete {}", name)));
    }
    return tl::unexpected(Error::system(attempted, errno));
  }
  const std::string source = fmt::format("/proc/thread-self/fd/{}", network_namespace.fd());
  if (::mount(source.c_str(), path.c_str(), "none", MS_BIND, nullptr) != 0) {
    const int mount_errno = errno;
    ::unlink(path.c_str());
    return tl::unexpected(Error::system(attempted, mount_errno));
  }
  return {};
}

Result<NetworkNamespace> create_named_namespace(const std::string& directory, const std::string& name) {
  NETNS_LAB_TRY(check_namespace_name(name));
  NETNS_LAB_ASSIGN(NetworkNamespace made, NetworkNamespace::create());
  NETNS_LAB_TRY(name_namespace(made, directory, name));
  return made;
}

Result<void> unname_namespace(const std::string& directory, const std::string& name) {
  NETNS_LAB_TRY(check_namespace_name(name));
  const std::string path = directory + "/" + name;
  const std::string attempted = fmt::format("remove the name {} of a network namespace", path);
  while (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
  }
  if (errno != EINVAL && errno != ENOENT)
    return tl::unexpected(Error::system(attempted, errno));  // EINVAL: no mount is left on it
  if (::unlink(path.c_str()) != 0) {
    Error error = Error::system(attempted, errno);
    if (error.system_errno == ENOENT) error.kind = ErrorKind::kMissing;
    return tl::unexpected(std::move(error));
  }
  return {};
}

namespace {

// None when there is no such folder.
Result<std::optional<std::vector<std::string>>> names_in(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(directory.c_str()), ::closedir);
  if (!folder) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return tl::unexpected(Error::system(fmt::format("list folder {}", directory), errno));
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* item = ::readdir(folder.get())) {
    const std::string name = item->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  if (errno != 0) return tl::unexpected(Error::system(fmt::format("list folder {}", directory), errno));
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<NamespaceEntry> inspect_all(const std::string& directory, const std::vector<std::string>& names,
                                        const MountTable& mounts) {
  std::vector<NamespaceEntry> entries;
  for (const std::string& name : names) entries.push_back(inspect(directory + "/" + name, name, mounts));
  return entries;
}

}  // namespace

Result<std::vector<NamespaceEntry>> list_namespace_entries(const std::string& directory, const MountTable& mounts) {
  NETNS_LAB_ASSIGN(const auto names, names_in(directory));
  return names ? inspect_all(directory, *names, mounts) : std::vector<NamespaceEntry>();
}

Result<std::vector<NamespaceEntry>> list_namespace_entries(const std::string& directory) {
  NETNS_LAB_ASSIGN(const auto names, names_in(directory));
  if (!names || names->empty()) return std::vector<NamespaceEntry>();
  NETNS_LAB_ASSIGN(const MountTable mounts, MountTable::read());
  return inspect_all(directory, *names, mounts);
}

}  // namespace netns_lab
