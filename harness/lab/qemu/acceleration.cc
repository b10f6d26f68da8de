#include "harness/lab/qemu/acceleration.h"

#include <fcntl.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "harness/base/unique_fd.h"

namespace netns_lab::qemu {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// XDG base directory specification: an absolute path, or none.
std::string cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return std::string(cache) + "/netns-lab";
  const char* home = std::getenv("HOME");
  return home != nullptr && *home == '/' ? std::string(home) + "/.cache/netns-lab" : "";
}

}  // namespace

std::vector<Acceleration> accelerations_to_try(bool kvm_opens, bool kvm_failed_before) {
  if (kvm_opens && !kvm_failed_before) return {Acceleration::kKvm, Acceleration::kTcg};
  return {Acceleration::kTcg};
}

bool kvm_opens() { return UniqueFd(::open("/dev/kvm", O_RDWR | O_CLOEXEC)).valid(); }

KvmFailure KvmFailure::of_user() { return {cache_folder(), first_line("/proc/sys/kernel/random/boot_id")}; }

bool KvmFailure::remembered() const { return !folder_.empty() && !boot_id_.empty() && first_line(file()) == boot_id_; }

void KvmFailure::remember() const {
  if (folder_.empty() || boot_id_.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(folder_, ignored);
  std::ofstream(file(), std::ios::trunc) << boot_id_ << "\n";
}

}  // namespace netns_lab::qemu
