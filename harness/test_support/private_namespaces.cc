#include "harness/test_support/private_namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "harness/netns/own_root.h"

namespace netns_lab::test_support {
namespace {

bool write_file(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return written;
}

}  // namespace

std::string enter_private_namespaces() {
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  const char* const stay_root = std::getenv(kStayRoot);
  const bool stays = stay_root != nullptr && std::strcmp(stay_root, "1") == 0 && ::geteuid() == 0;
  const auto own_root = [] { return netns::chroot_forbids_user_namespaces() ? netns::own_the_root() : Result<void>(); };
  if (const auto entered = stays ? own_root() : netns::enter_new_user_namespace(); !entered) {
    return entered.error().message() + "; allow unprivileged user namespaces, or run as root";
  }
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) != 0) {
    return std::string("make network and mount namespaces: ") + std::strerror(errno);
  }
  if (!stays) {
    write_file("/proc/self/setgroups", "deny");
    if (!write_file("/proc/self/uid_map", "0 " + user + " 1") ||
        !write_file("/proc/self/gid_map", "0 " + group + " 1")) {
      return std::string("write the user namespace's id maps: ") + std::strerror(errno);
    }
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0) {
    return std::string("mount a private /run: ") + std::strerror(errno);
  }
  return "";
}

}  // namespace netns_lab::test_support
