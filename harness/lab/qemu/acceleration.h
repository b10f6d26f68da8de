// Which acceleration a machine is tried with, and what was learnt when one did not boot.
//
// That /dev/kvm opens says little: in a nested host it may open and still not run a guest. So KVM is tried by booting,
// and where that failed it is not tried again before this machine's next boot.
#pragma once

#include <string>
#include <vector>

#include "harness/lab/qemu/command_line.h"

namespace netns_lab::qemu {

// In the order to try them in. TCG always works.
std::vector<Acceleration> accelerations_to_try(bool kvm_opens, bool kvm_failed_before);
bool kvm_opens();

// The memory of it: a file in the user's cache that holds the boot id (random(4)) under which KVM failed. Whatever
// cannot be read or written is as if it had never failed.
class KvmFailure {
 public:
  // `folder`: $XDG_CACHE_HOME/netns-lab or ~/.cache/netns-lab; "" remembers nothing.
  KvmFailure(std::string folder, std::string boot_id) : folder_(std::move(folder)), boot_id_(std::move(boot_id)) {}
  static KvmFailure of_user();

  bool remembered() const;
  void remember() const;
  std::string file() const { return folder_ + "/kvm-failed"; }

 private:
  std::string folder_;
  std::string boot_id_;
};

}  // namespace netns_lab::qemu
