// A file that is a virtual machine's disk, and outlives the machine: what a lab is to keep.
//
//   NETNS_LAB_ASSIGN(const StateDisk disk, StateDisk::open({.path = "lab.disk"}));
//   machine.disk = disk.fd();
//
// It holds an ext4 file system: made by mkfs.ext4 where the file is absent or empty, else left as it is. No two
// machines ever have it at once: whoever has the descriptor, or a copy of it, has the lock (fcntl(2), open file
// description locks), so that it ends with the last process of the machine.
#pragma once

#include <cstdint>
#include <string>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::qemu {

// "512M", "2G" in bytes; "" is 1G. kInvalid for what is no size, and for less than a file system needs.
Result<std::uint64_t> parse_disk(const std::string& text);

struct StateDiskSpec {
  std::string path;
  std::uint64_t size = std::uint64_t{1} << 30;                 // bytes, of a new one; the file is sparse
  std::string program_path = "/usr/sbin:/sbin:/usr/bin:/bin";  // where mkfs.ext4 is looked for
};

class StateDisk {
 public:
  // kInvalid: no file, a file that holds something else, or that cannot be opened. kTaken: another machine has it, or
  // this one has it mounted. kMissing: mkfs.ext4, or room for it. What it could not make it leaves empty.
  static Result<StateDisk> open(const StateDiskSpec& spec);

  int fd() const { return file_.get(); }
  bool is_new() const { return is_new_; }
  const std::string& path() const { return path_; }  // absolute, without symbolic links

 private:
  StateDisk(UniqueFd file, std::string path, bool is_new)
      : file_(std::move(file)), path_(std::move(path)), is_new_(is_new) {}
  UniqueFd file_;
  std::string path_;
  bool is_new_;
};

}  // namespace netns_lab::qemu
