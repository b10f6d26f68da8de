// Makes the calling process's root directory the root of a mount namespace of its own.
//
// The kernel refuses user namespaces to a process whose root is not its mount namespace's root (chroot; EPERM,
// user_namespaces(7)). In a new mount namespace root may put that right: the tree it sees is cloned, and stacked over
// the new namespace's root. What the process sees stays the same.
#pragma once

#include "harness/base/error.h"

namespace netns_lab::netns {

// Whether unshare(CLONE_NEWUSER) is refused because of a chroot, and own_the_root() mends it; asked by trying both in
// child processes (one, when there is nothing to mend). The caller must have one thread.
bool chroot_forbids_user_namespaces();

// Needs CAP_SYS_ADMIN and CAP_SYS_CHROOT, one thread. Leaves the caller in a new, private mount namespace with /proc
// mounted in it. Errors: kSystem, naming the step. Source: current_chrooted() in the kernel's fs/namespace.c;
// open_tree(2) and move_mount(2), Linux 5.2.
Result<void> own_the_root();

// unshare(CLONE_NEWUSER), after own_the_root() where a chroot alone forbids it and root can mend that. One thread.
// Errors: kSystem with the errno of unshare(2).
Result<void> enter_new_user_namespace();

}  // namespace netns_lab::netns
