#include "harness/node/isolation_kernel.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "harness/node/isolation_mount.h"

namespace netns_lab::node {
namespace {

constexpr unsigned long kQuiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

// EPERM: the mount that is there is partly covered, or more restricted than the new one would be.
bool refused(const Error& error) { return error.system_errno == EPERM || error.system_errno == EACCES; }

Result<void> cover_read_only(const std::string& path) {
  NETNS_LAB_ASSIGN(const UniqueFd copy, copy_of_mount(path, Subtree::kThisMountOnly));
  NETNS_LAB_TRY(make_read_only(copy));
  return attach_mount(copy, path);
}

// `folder` read-only, but `inside` it as it was.
Result<void> cover_read_only_except(const std::string& folder, const std::string& inside) {
  NETNS_LAB_ASSIGN(const UniqueFd kept, copy_of_mount(inside, Subtree::kThisMountOnly));
  NETNS_LAB_TRY(cover_read_only(folder));
  return attach_mount(kept, inside);
}

Result<void> make_node(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  if (file.valid()) return {};
  return tl::unexpected(Error::system(fmt::format("create {}", path), errno));
}

}  // namespace

Result<std::vector<std::string>> mount_proc() {
  if (const auto fresh = mount_file_system("proc", "/proc", kQuiet, ""); !fresh) {
    if (!refused(fresh.error())) return tl::unexpected(fresh.error());
    // It was made read-only with the rest. Where a container runtime did that before us, it stays so.
    const auto writable = make_writable("/proc");
    const auto net = make_writable("/proc/sys/net");  // EINVAL unless it is a mount of its own
    static_cast<void>(writable);
    static_cast<void>(net);
    return std::vector<std::string>{
        "/proc cannot be mounted here (it is partly masked): the node sees the machine's processes; in docker add "
        "--security-opt systempaths=unconfined"};
  }
  NETNS_LAB_TRY(cover_read_only_except("/proc/sys", "/proc/sys/net"));
  for (const char* path : {"/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/proc/scsi"}) {
    if (exists(path)) NETNS_LAB_TRY(cover_read_only(path));
  }
  return std::vector<std::string>();
}

namespace {

// What is at /sys tells of this network namespace already, so that the kernel mounts no second one over it (EBUSY,
// do_add_mount in fs/namespace.c): on `host`, and after `ip netns exec`. A copy of it does, writable where it may be.
Result<bool> cover_sys_by_a_copy() {
  NETNS_LAB_ASSIGN(const UniqueFd copy, copy_with_what_is_locked("/sys"));
  const auto writable = make_writable(copy);
  if (!writable && !refused(writable.error())) return tl::unexpected(writable.error());
  NETNS_LAB_TRY(attach_mount(copy, "/sys"));
  return writable.has_value();
}

}  // namespace

Result<std::vector<std::string>> mount_sys() {
  // Not MS_RDONLY at once: that would be of the superblock too, and /sys/devices/virtual/net could not be written.
  // Where the old /sys is read-only for good (in a container) nothing else is allowed, though.
  auto fresh = mount_file_system("sysfs", "/sys", kQuiet, "");
  bool links_writable = fresh.has_value();
  if (!fresh && fresh.error().system_errno == EBUSY) {
    NETNS_LAB_ASSIGN(links_writable, cover_sys_by_a_copy());
    fresh = Result<void>();
  }
  if (!fresh && refused(fresh.error())) fresh = mount_file_system("sysfs", "/sys", kQuiet | MS_RDONLY, "");
  if (!fresh && refused(fresh.error())) {
    return std::vector<std::string>{"/sys cannot be mounted here: /sys/class/net shows the machine's interfaces"};
  }
  if (!fresh) return tl::unexpected(fresh.error());
  if (!links_writable) return std::vector<std::string>{"/sys/class/net is read-only: set what is there by netlink"};
  NETNS_LAB_TRY(cover_read_only_except("/sys", "/sys/devices/virtual/net"));
  return std::vector<std::string>();
}

Result<std::vector<std::string>> mount_dev() {
  constexpr std::array<const char*, 7> kNodes = {"null", "zero", "full", "random", "urandom", "tty", "net/tun"};
  std::vector<std::pair<std::string, UniqueFd>> nodes;
  for (const char* name : kNodes) {
    const std::string path = fmt::format("/dev/{}", name);
    if (!exists(path)) continue;
    NETNS_LAB_ASSIGN(UniqueFd copy, copy_of_mount(path, Subtree::kThisMountOnly));
    nodes.emplace_back(path, std::move(copy));
  }
  NETNS_LAB_TRY(mount_file_system("tmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755"));
  ::mkdir("/dev/net", 0755);
  ::mkdir("/dev/pts", 0755);
  ::mkdir("/dev/shm", 01777);
  ::chmod("/dev/shm", 01777);  // whatever the umask is
  for (const auto& [path, copy] : nodes) {
    NETNS_LAB_TRY(make_node(path));
    NETNS_LAB_TRY(attach_mount(copy, path));
  }
  NETNS_LAB_TRY(mount_file_system("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"));
  constexpr std::array<std::pair<const char*, const char*>, 5> kSymbolicLinks = {{{"pts/ptmx", "/dev/ptmx"},
                                                                                  {"/proc/self/fd", "/dev/fd"},
                                                                                  {"/proc/self/fd/0", "/dev/stdin"},
                                                                                  {"/proc/self/fd/1", "/dev/stdout"},
                                                                                  {"/proc/self/fd/2", "/dev/stderr"}}};
  for (const auto& [target, path] : kSymbolicLinks) {
    if (::symlink(target, path) != 0)
      return tl::unexpected(Error::system(fmt::format("create the symbolic link {}", path), errno));
  }
  std::vector<std::string> made = {"/dev/net", "/dev/pts", "/dev/shm"};
  for (const auto& [path, copy] : nodes) made.push_back(path);
  for (const auto& [target, path] : kSymbolicLinks) made.emplace_back(path);
  return made;
}

}  // namespace netns_lab::node
