#include "harness/node/mount_watch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "harness/node/isolation.h"
#include "harness/node/isolation_kernel.h"
#include "harness/node/isolation_mount.h"

namespace netns_lab::node {
namespace {

constexpr auto kHomeFolder = "/home/ubuntu";
constexpr auto kRunFolder = "/run";
constexpr int kMostMounts = 16;  // of proc on proc, taken off before a new one

struct MountChange {
  enum class Kind { kMore, kGone, kOther };
  Kind kind = Kind::kMore;
  std::string mount_point;
  std::string text;
};

bool is_below(const std::string& path, const std::string& folder) { return path.rfind(folder + "/", 0) == 0; }

// `ip netns add` makes the folder a shared mount of itself, once (or twice, where two of them run at once).
bool is_naming(const MountEntry& entry, const std::string& namespace_directory) {
  if (is_below(entry.mount_point, namespace_directory)) return true;
  const std::string name = namespace_directory.substr(namespace_directory.rfind('/'));
  const bool is_itself = entry.root.size() >= name.size() &&
                         entry.root.compare(entry.root.size() - name.size(), name.size(), name) == 0 &&
                         entry.options.rfind("rw", 0) == 0;
  return entry.mount_point == namespace_directory && is_itself;
}

std::string what(const MountEntry& entry) {
  return entry.root == "/" ? entry.file_system : fmt::format("{} of {}", entry.root, entry.file_system);
}

std::string manner(const MountEntry& entry) {
  return entry.propagation.empty() ? entry.options : fmt::format("{}, {}", entry.options, entry.propagation);
}

// Ids are used again (mnt_alloc_id, fs/namespace.c): one id and another place is another mount.
bool is_same_mount(const MountEntry& a, const MountEntry& b) {
  return a.id == b.id && a.parent == b.parent && a.root == b.root && a.mount_point == b.mount_point &&
         a.file_system == b.file_system;
}

// A folder that the machine removes takes what is mounted on it along in every mount namespace (d_invalidate,
// fs/dcache.c): container managers do so all the time. A target cannot: while something is mounted on a folder that it
// may remove, it is busy. Nor can it unmount what it cannot come to: a folder in another's closed one (EACCES).
bool is_there(const std::string& mount_point) {
  struct stat status {};
  return ::lstat(mount_point.c_str(), &status) == 0;
}

std::vector<MountChange> compare(const MountTable& first, const MountTable& now,
                                 const std::string& namespace_directory) {
  std::vector<MountChange> changes;
  std::vector<const MountEntry*> left;
  for (const MountEntry& entry : now.entries()) left.push_back(&entry);
  for (const MountEntry& was : first.entries()) {
    const auto found =
        std::find_if(left.begin(), left.end(), [&](const MountEntry* entry) { return is_same_mount(was, *entry); });
    if (found == left.end()) {
      if (is_naming(was, namespace_directory) || first.is_hidden(was) || !is_there(was.mount_point)) continue;
      changes.push_back({MountChange::Kind::kGone, was.mount_point,
                         fmt::format("{} is no longer mounted on {}", what(was), was.mount_point)});
      continue;
    }
    const MountEntry& is = **found;
    if ((is.options != was.options || is.propagation != was.propagation) && !first.is_hidden(was)) {
      changes.push_back(
          {MountChange::Kind::kOther, was.mount_point,
           fmt::format("{} on {} is {}; it was {}", what(was), was.mount_point, manner(is), manner(was))});
    }
    left.erase(found);
  }
  for (const MountEntry* more : left) {
    if (is_naming(*more, namespace_directory)) continue;
    changes.push_back({MountChange::Kind::kMore, more->mount_point,
                       fmt::format("{} is mounted on {} ({})", what(*more), more->mount_point, manner(*more))});
  }
  return changes;
}

std::vector<std::string> texts(const std::vector<MountChange>& changes) {
  std::vector<std::string> lines;
  for (const MountChange& change : changes) lines.push_back(change.text);
  std::sort(lines.begin(), lines.end());
  return lines;
}

bool is_writable(const std::string& folder) { return ::access(folder.c_str(), W_OK) == 0; }

// A new proc where the old one is covered, or lacks a part. Two of one PID namespace do not lie on each other (EBUSY,
// do_add_mount in fs/namespace.c): then the old one goes first.
void mend_proc() {
  for (int i = 0; i < kMostMounts; ++i) {
    const auto mounted = mount_proc();
    const bool is_there = !mounted && mounted.error().system_errno == EBUSY;
    if (!is_there || ::umount2("/proc", MNT_DETACH | UMOUNT_NOFOLLOW) != 0) return;
  }
}

// `folder` writable again: its own mount where it still lies there, else an empty one of ours. (What lies below ours
// may be the machine's: that is never made writable.)
void mend_folder(const std::string& folder, const std::vector<MountChange>& changes) {
  if (is_writable(folder)) return;
  const bool is_read_only = std::any_of(changes.begin(), changes.end(), [&](const MountChange& change) {
    return change.mount_point == folder && change.kind == MountChange::Kind::kOther;
  });
  if (is_read_only && make_writable(folder) && is_writable(folder)) return;
  static_cast<void>(mount_file_system("tmpfs", folder, MS_NOSUID | MS_NODEV, "mode=0755"));
}

// What cannot be mended shows in what fails next.
bool mend(const std::vector<MountChange>& changes, const std::string& namespace_directory) {
  const auto touched = [&](const std::string& folder) {
    return std::any_of(changes.begin(), changes.end(), [&](const MountChange& change) {
      return change.mount_point == folder || is_below(change.mount_point, folder) ||
             is_below(folder, change.mount_point == "/" ? "" : change.mount_point);
    });
  };
  bool mended = false;
  if (touched("/proc")) {
    mend_proc();
    mended = true;
  }
  for (const std::string& folder : {std::string(kRunFolder), std::string(kHomeFolder)}) {
    if (!touched(folder) || is_writable(folder)) continue;
    mend_folder(folder, changes);
    mended = true;
  }
  if (touched(namespace_directory) && ::access(namespace_directory.c_str(), W_OK) != 0 && errno == EROFS) {
    static_cast<void>(make_writable(namespace_directory));
    mended = true;
  }
  return mended;
}

void put_in_order(std::vector<std::string>& lines) {
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
}

}  // namespace

std::vector<std::string> mount_changes(const MountTable& first, const MountTable& now,
                                       const std::string& namespace_directory) {
  return texts(compare(first, now, namespace_directory));
}

// Mostly nothing is other than it was the last time.
Result<void> MountWatch::read() {
  NETNS_LAB_ASSIGN(std::string text, MountTable::read_text(proc_.get()));
  if (text == text_) return {};
  current_ = MountTable::parse(text);
  text_ = std::move(text);
  return {};
}

Result<MountLook> MountWatch::look() {
  const std::lock_guard lock(mutex_);
  if (!proc_.valid()) {
    proc_ = UniqueFd(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!proc_.valid()) return tl::unexpected(Error::system("open /proc", errno));
  }
  NETNS_LAB_TRY(read());
  if (!first_) first_ = current_;
  MountLook look;
  const std::vector<MountChange> changes = compare(*first_, current_, namespace_directory_);
  if (!changes.empty() && mending_ == Mending::kOn && mend(changes, namespace_directory_)) {
    for (std::string& line : texts(changes)) told_for_good_.push_back(std::move(line));
    NETNS_LAB_TRY(read());
    first_ = current_;
  } else {
    look.changes = texts(changes);
  }
  look.changes.insert(look.changes.end(), told_for_good_.begin(), told_for_good_.end());
  put_in_order(look.changes);
  look.table = current_;
  return look;
}

}  // namespace netns_lab::node
