// What is mounted on the node, compared with how its agent found it before any command ran.
//
//   NETNS_LAB_ASSIGN(const MountLook look, watch.look());
//   look.changes -> "tmpfs is mounted on /mnt (rw,relatime)", "proc is no longer mounted on /proc/sys/net"
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/netns/mount_table.h"

namespace netns_lab::node {

struct MountLook {
  MountTable table;                  // as it is now
  std::vector<std::string> changes;  // since the first look, in words; sorted
};

// Each mount of `first` that was to be seen and is gone (its folder being there still), or was changed (its own
// options, its propagation; not those of the file system), and each that `now` has more. Left out is what naming a
// namespace makes in `namespace_directory`: the folder as a writable mount of itself, and what is mounted below it, of
// which the entries of that folder tell.
std::vector<std::string> mount_changes(const MountTable& first, const MountTable& now,
                                       const std::string& namespace_directory);

// Any thread.
class MountWatch {
 public:
  enum class Mending { kOff, kOn };  // off where the mounts are not this node's own
  MountWatch(std::string namespace_directory, Mending mending)
      : namespace_directory_(std::move(namespace_directory)), mending_(mending) {}

  // The first call says how things were: before the first snapshot, and before the first command. What the agent itself
  // stands on (/proc, and the folders it writes to: /run, /home/ubuntu) and finds covered, gone or read-only is mended,
  // so that it can go on judging; what was found then stays told for good.
  Result<MountLook> look();

 private:
  Result<void> read();  // current_

  std::mutex mutex_;
  const std::string namespace_directory_;
  const Mending mending_;
  UniqueFd proc_;     // of the first look: whatever is done to /proc, this one still tells
  std::string text_;  // current_ was read from this
  MountTable current_;
  std::optional<MountTable> first_;
  std::vector<std::string> told_for_good_;
};

}  // namespace netns_lab::node
