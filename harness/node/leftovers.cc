#include "harness/node/leftovers.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "harness/node/isolation.h"
#include "harness/node/isolation_overlay.h"
#include "harness/protocol/guest.h"

namespace netns_lab::node {
namespace {

constexpr std::size_t kMost = 10'000;  // a target that unpacks a tree is found out by fewer

std::optional<struct stat> look(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

// overlayfs marks a deleted file by a character device 0/0 in the upper layer
// (Documentation/filesystems/overlayfs.rst).
bool is_whiteout(const struct stat& status) { return S_ISCHR(status.st_mode) && status.st_rdev == ::makedev(0, 0); }

bool same_status(const struct stat& a, const struct stat& b) {
  return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// Something that was there and is in the upper layer, too: a folder because something in it is, a file also because it
// was opened for writing only. Both got their attributes from below. Contents are compared last: size and time may have
// been put back, and such files are few.
bool same(const std::string& upper, const struct stat& now, const std::string& lower, const struct stat& before) {
  if (S_ISDIR(now.st_mode)) {
    return now.st_mode == before.st_mode && now.st_uid == before.st_uid && now.st_gid == before.st_gid &&
           !hides_what_was_there(upper) && extended_attributes(upper) == extended_attributes(lower);
  }
  if (!same_status(now, before) || extended_attributes(upper) != extended_attributes(lower)) return false;
  return !S_ISREG(now.st_mode) || same_contents(upper, lower);
}

class Walk {
 public:
  explicit Walk(const AgentContext& context) : context_(context) {}

  // `upper` is where `seen`'s own files are; `lower` what was there before ("" nothing).
  Result<void> folder(const std::string& seen, const std::string& upper, const std::string& lower) {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(upper.c_str()), ::closedir);
    if (!listing) {
      if (errno == ENOENT || errno == EACCES) return {};  // removed meanwhile; or not ours to read
      return tl::unexpected(Error::system(fmt::format("list what is left in {}", seen), errno));
    }
    const std::optional<struct stat> own = look(upper);
    while (const dirent* item = ::readdir(listing.get())) {
      const std::string name = item->d_name;
      if (name == "." || name == ".." || found_.size() >= kMost) continue;
      NETNS_LAB_TRY(
          entry(seen + "/" + name, upper + "/" + name, lower.empty() ? "" : lower + "/" + name, own ? own->st_dev : 0));
    }
    return {};
  }

  std::vector<std::string> take() {
    std::sort(found_.begin(), found_.end());
    found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    return std::move(found_);
  }

 private:
  Result<void> entry(const std::string& seen, const std::string& upper, const std::string& lower, dev_t device) {
    if (is_own(seen)) return {};
    const std::optional<struct stat> now = look(upper);
    if (!now) return {};
    const std::optional<struct stat> before = lower.empty() ? std::nullopt : look(lower);
    if (upper != seen && is_whiteout(*now)) {
      if (before) found_.push_back(seen + " (deleted)");
      return {};
    }
    const bool unchanged = before && same(upper, *now, lower, *before);
    if (!unchanged && !made_by_setup(seen)) found_.push_back(before ? seen + " (changed)" : seen);
    // What is mounted there is not this folder's contents.
    if (!S_ISDIR(now->st_mode) || now->st_dev != device) return {};
    return folder(seen, upper, before && S_ISDIR(before->st_mode) ? lower : "");
  }

  bool made_by_setup(const std::string& seen) const {
    return std::find(context_.made_by_setup.begin(), context_.made_by_setup.end(), seen) !=
           context_.made_by_setup.end();
  }
  // The snapshot tells of named namespaces by themselves.
  bool is_own(const std::string& seen) const { return seen == kOwnFolder || seen == context_.namespace_directory; }

  const AgentContext& context_;
  std::vector<std::string> found_;
};

// What others than its owner may change in a folder.
mode_t opened(const std::string& folder) {
  const std::optional<struct stat> status = look(folder);
  return status ? status->st_mode & (S_IWGRP | S_IWOTH) : 0;
}

}  // namespace

SetUpFiles::SetUpFiles(const AgentContext& context)
    : namespace_directory_(context.namespace_directory), opened_before_(opened(namespace_directory_)) {
  for (const auto& [seen, upper] : context.writable) {
    if (auto attributes = FileAttributes::of(seen)) files_.emplace_back(seen, *std::move(attributes));
  }
  std::map<std::string, dev_t> folders;
  for (const std::string& path : context.made_by_setup) {
    auto attributes = path == kOwnFolder ? std::nullopt : FileAttributes::of(path);
    if (!attributes) continue;
    const std::string folder = path.substr(0, path.rfind('/'));
    const auto [at, is_new] = folders.emplace(folder, 0);
    if (is_new) {
      const std::optional<struct stat> status = look(folder);
      at->second = status ? status->st_dev : 0;
    }
    // What is mounted there is the machine's, and may change without the target.
    if (attributes->status.st_dev == at->second) files_.emplace_back(path, *std::move(attributes));
  }
}

std::vector<std::string> SetUpFiles::changes() const {
  std::vector<std::string> lines;
  for (const auto& [path, before] : files_) {
    const auto now = FileAttributes::of(path);
    const std::string changed = now ? attribute_changes(before, *now) : "deleted";
    if (!changed.empty()) lines.push_back(fmt::format("{} ({})", path, changed));
  }
  const std::optional<struct stat> status = look(namespace_directory_);
  if (status && (opened(namespace_directory_) & ~opened_before_) != 0) {
    lines.push_back(fmt::format("{} (mode {:o}: others may take namespaces away and put theirs in)",
                                namespace_directory_, status->st_mode & 07777U));
  }
  return lines;
}

Result<std::vector<std::string>> list_leftovers(const AgentContext& context) {
  Walk walk(context);
  std::vector<std::string> kept;
  for (const auto& [seen, upper] : context.writable) {
    const std::string lower = upper == seen ? "" : lower_of(seen, kOwnFolder);
    if (seen != protocol::kStateFolder) {
      NETNS_LAB_TRY(walk.folder(seen, upper, lower));
      continue;
    }
    Walk of_disk(context);
    NETNS_LAB_TRY(of_disk.folder(seen, upper, lower));
    kept = of_disk.take();
  }
  std::vector<std::string> found = walk.take();
  if (kept.size() < kMost) found.insert(found.end(), kept.begin(), kept.end());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace netns_lab::node
