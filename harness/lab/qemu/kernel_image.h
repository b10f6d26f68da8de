// The kernel a virtual machine boots: an x86 bzImage as linux-image packages install it, and the modules that belong to
// it.
#pragma once

#include <string>
#include <string_view>

#include "harness/base/error.h"

namespace netns_lab::qemu {

struct KernelImage {
  std::string path;
  std::string release;  // "6.1.0-56-cloud-amd64"; what `uname -r` will say
  std::string modules;  // the folder of its modules
  bool operator==(const KernelImage&) const = default;
};

// Where they are looked for; tests have places of their own.
struct KernelPlaces {
  std::string boot = "/boot";
  std::string modules = "/lib/modules";
};

// The release that stands in an image's header (Documentation/arch/x86/boot.rst, kernel_version); `head` is the
// image's beginning, 68 KiB of it. kInvalid for what is no bzImage.
Result<std::string> release_of(std::string_view head);

// The kernel in `file`, or, without one, that in /boot/vmlinuz-* with the highest release that can be read and has
// modules. Modules of a `file` are looked for in /lib/modules and in lib/modules beside the folder it is in (as in a
// package that was unpacked). kMissing says what to install or do.
Result<KernelImage> find_kernel(const std::string& file, const KernelPlaces& places = {});

}  // namespace netns_lab::qemu
