// The virtual machine that is an instance of the fake `multipass`: what is in it, and its first process.
//
// It is no Ubuntu: this machine's bash, coreutils, tar and kmod with the kernel's modules, of which it loads at boot
// only what it needs itself, so that `modprobe` has something to do. /opt, /home, /root and /var are on its disk, and
// so outlive it; all else is as new after each start. sudo runs what it is given; cloud-init has always ended.
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/lab/qemu/kernel_image.h"

namespace netns_lab::fake_multipass {

inline constexpr auto kRunLabel = "run";             // of a channel: a command (exec_stream.h)
inline constexpr auto kPowerOffLabel = "power off";  // the same, and the machine ends

// An initramfs. `program`: this program's file.
Result<std::string> guest_image(const std::string& program, const qemu::KernelImage& kernel);

// The first process; `address`: of the machine in the instances' network. Returns only when it cannot be powered off.
int run_guest(const std::string& address);

}  // namespace netns_lab::fake_multipass
