// /proc, /sys and /dev of a node.
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"

namespace netns_lab::node {

// A fresh /proc of this PID namespace, in which what belongs to the whole machine cannot be written: /proc/sys except
// net, sysrq-trigger and the like. Where the kernel refuses one (a container's masked /proc, mnt_already_visible() in
// fs/namespace.c) the old one stays, and the returned lines say what is lost.
Result<std::vector<std::string>> mount_proc();

// A fresh /sys of this network namespace, read-only but for /sys/devices/virtual/net. Where it is refused the old one
// stays (as with /proc).
Result<std::vector<std::string>> mount_sys();

// A small /dev: null zero full random urandom tty net/tun, its own pseudo-terminals, shm. No disk of the machine is in
// it: root of a user namespace that maps the machine's root could open one. Returns what is in it, paths.
Result<std::vector<std::string>> mount_dev();

}  // namespace netns_lab::node
