// The mount system calls the isolation needs, with errors that name the mount.
//
// By number: glibc has wrappers for them only from 2.36, and linux/mount.h cannot be included next to sys/mount.h
// everywhere.
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::node {

enum class Subtree { kThisMountOnly, kWithMountsBelow };

// mount(2) of a new file system. `flags`: MS_*.
Result<void> mount_file_system(const std::string& type, const std::string& at, unsigned long flags,
                               const std::string& options);

// open_tree(2): a copy of what is mounted (or lies) at `path`, attached nowhere yet; it goes with its descriptor.
Result<UniqueFd> copy_of_mount(const std::string& path, Subtree subtree);
// The same, alone where that is allowed. Mounts that came from a more privileged mount namespace may not be parted from
// what they lie on (EINVAL; mount_namespaces(7), "Restrictions"): then with all that is mounted below.
Result<UniqueFd> copy_with_what_is_locked(const std::string& path);
// move_mount(2): attaches such a copy at `path`, which must exist.
Result<void> attach_mount(const UniqueFd& copy, const std::string& path);

// mount_setattr(2) (Linux 5.12): MOUNT_ATTR_RDONLY set or cleared. Clearing what a more privileged namespace set is
// EPERM.
Result<void> make_read_only(const std::string& path, Subtree subtree);
Result<void> make_read_only(const UniqueFd& copy);
Result<void> make_writable(const std::string& path);
Result<void> make_writable(const UniqueFd& copy);

// Every mount of this mount namespace stops sending and receiving mount events.
Result<void> make_mounts_private();

}  // namespace netns_lab::node
