// The mounts the calling thread sees (/proc/thread-self/mountinfo, proc(5)).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"

namespace netns_lab {

struct MountEntry {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  std::string root;         // what of the file system is mounted: "/", "net:[4026532290]"
  std::string mount_point;  // with blanks and the like as themselves, not as octal escapes
  std::string options;      // of the mount: "rw,relatime"
  std::string propagation;  // "" private; "shared:12", "master:3"
  std::string file_system;  // type: "nsfs"
  bool operator==(const MountEntry&) const = default;
};

class MountTable {
 public:
  static Result<MountTable> read();
  // The same by a descriptor of a mounted proc: works whatever lies at /proc by now.
  static Result<MountTable> read(int proc);
  // What it is made of, for parse(): two texts that are equal are one table.
  static Result<std::string> read_text(int proc);
  // Lines that cannot be understood are left out.
  static MountTable parse(std::string_view mountinfo);

  const std::vector<MountEntry>& entries() const { return entries_; }
  // How many mounts lie on top of each other at `path`, the visible one included; 0 when it is no mount point. Mounts
  // that the same path had before a mount further up hid it do not count.
  unsigned stacked_at(std::string_view path) const;
  // Whether nobody gets to it by its path any more: another mount lies on it, or on a folder above it.
  bool is_hidden(const MountEntry& entry) const;

 private:
  std::vector<MountEntry> entries_;
};

}  // namespace netns_lab
