#include "harness/node/detached_mount.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

#include <cerrno>

namespace netns_lab::node {

Result<UniqueFd> mount_detached(const char* type) {
  const auto failed = [type] { return tl::unexpected(Error::system(fmt::format("open {}", type), errno)); };
  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)));
  if (!context.valid() || ::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return failed();
  UniqueFd mounted(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY)));
  if (!mounted.valid()) return failed();
  return mounted;
}

}  // namespace netns_lab::node
