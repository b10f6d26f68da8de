// This program as it runs on any distribution, an older C library included: its file, its shared libraries and their
// loader, as one archive (POSIX ustar) to be unpacked at '/'.
//
//   /opt/netns-lab/BUILD/netns-lab  lib/…
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"

namespace netns_lab::multipass {

inline constexpr auto kBundles = "/opt/netns-lab";  // in the instance; all builds

struct Bundle {
  std::string build;
  std::string folder() const { return kBundles + ("/" + build); }
  std::string mark() const { return folder() + "/complete"; }  // made when all of it is on the instance's disk
  // The program with these arguments, by its own loader.
  std::vector<std::string> argv(const std::vector<std::string>& arguments) const;
};

// `program` is this program's file, by a name that other processes understand too ("/proc/PID/exe").
Result<std::string> archive(const Bundle& bundle, const std::string& program);

// One file of an archive: header, bytes, padding. kInvalid for a path of more than 100 bytes.
Result<std::string> archive_member(std::string_view path, std::string_view bytes, bool is_executable);
std::string archive_end();

}  // namespace netns_lab::multipass
