#include "harness/netns/own_root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "harness/base/unique_fd.h"

namespace netns_lab::netns {
namespace {

tl::unexpected<Error> failed(const char* step) { return tl::unexpected(Error::system(step, errno)); }

int wait_status(pid_t child) {
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The root of the mount namespace, however deep in it the process's root is: a directory outside the process's root is
// not held by it, so ".." leads up.
Result<void> climb_to_namespace_root() {
  const UniqueFd outside(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!outside.valid()) return failed("open /");
  if (::chroot("/proc") != 0) return failed("chroot to /proc");  // any directory below serves
  if (::fchdir(outside.get()) != 0) return failed("go to the old root");
  for (int level = 0; level < 256; ++level) {
    struct stat here {};
    struct stat above {};
    if (::stat(".", &here) != 0 || ::stat("..", &above) != 0) return failed("look at the parent of the root");
    if (here.st_dev == above.st_dev && here.st_ino == above.st_ino) break;
    if (::chdir("..") != 0) return failed("go up");
  }
  if (::chroot(".") != 0) return failed("take the mount namespace's root");
  return {};
}

}  // namespace

bool chroot_forbids_user_namespaces() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(CLONE_NEWUSER) != 0 && errno == EPERM ? 1 : 0);
  if (child < 0 || wait_status(child) != 1) return false;
  // EPERM has other causes as well (a security module): whether a root of its own helps is tried, too.
  const pid_t mended = ::fork();
  if (mended == 0) ::_exit(own_the_root().has_value() && ::unshare(CLONE_NEWUSER) == 0 ? 1 : 0);
  return mended > 0 && wait_status(mended) == 1;
}

Result<void> own_the_root() {
  if (::unshare(CLONE_NEWNS) != 0) return failed("make a mount namespace");
  // "/" may not be a mount point in a chroot: clone what is there with all that is mounted below.
  const UniqueFd tree(::open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree.valid()) return failed("clone the tree of mounts below /");
  NETNS_LAB_TRY(climb_to_namespace_root());
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("make all mounts private");
  if (::move_mount(tree.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return failed("stack the tree over the root");
  if (::fchdir(tree.get()) != 0 || ::chroot(".") != 0) return failed("enter the tree");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return failed("make the tree's mounts private");
  if (::access("/proc/self/ns/net", F_OK) != 0 &&
      ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return failed("mount /proc");
  }
  return {};
}

Result<void> enter_new_user_namespace() {
  if (::unshare(CLONE_NEWUSER) == 0) return {};
  const int refused_errno = errno;
  const auto refused = tl::unexpected(Error::system("make a user namespace", refused_errno));
  if (refused_errno != EPERM || ::geteuid() != 0 || !chroot_forbids_user_namespaces()) return refused;
  NETNS_LAB_TRY(own_the_root());
  if (::unshare(CLONE_NEWUSER) != 0) return refused;
  return {};
}

}  // namespace netns_lab::netns
