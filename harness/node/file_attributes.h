// What a file or folder is, but for its contents: to see whether somebody touched it.
#pragma once

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace netns_lab::node {

// The extended attributes of `path` (a symbolic link itself; xattr(7)) that somebody sets: user's and trusted ones,
// POSIX ACLs, capabilities; without those that overlayfs keeps its own records in
// (Documentation/filesystems/overlayfs.rst). Unreadable ones are left out.
std::map<std::string, std::string> extended_attributes(const std::string& path);

// overlayfs marks a folder of its upper layer that hides the one below, because it was deleted and made anew.
bool hides_what_was_there(const std::string& upper_folder);

struct FileAttributes {
  struct stat status {};
  std::map<std::string, std::string> extended;

  // None when there is nothing at `path`.
  static std::optional<FileAttributes> of(const std::string& path);
};

// What is other about `now`, in words: "mode 777, it was 755; owner 1000:0, it was 0:0"; "" nothing. Of a folder not
// its times, of anything else also when it was last changed (ctime, which nobody can put back).
std::string attribute_changes(const FileAttributes& before, const FileAttributes& now);

// Whether two regular files hold the same bytes. What cannot be read is taken to be the same.
bool same_contents(const std::string& a, const std::string& b);

}  // namespace netns_lab::node
