// The files of a virtual machine, gathered from this machine's and from texts, until they are written as an archive.
//
//   FileTree tree;
//   NETNS_LAB_TRY(tree.add_ours("/bin/bash"));                 // with /bin -> usr/bin, where that is a link here
//   NETNS_LAB_TRY(tree.add_text("/etc/hosts", "127.0.0.1 localhost\n"));
//   NETNS_LAB_ASSIGN(const std::string archive, tree.archive());
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "harness/base/error.h"

namespace netns_lab::qemu {

class FileTree {
 public:
  // A file or empty folder of this machine at the same path there, and every symbolic link on its way, so that the path
  // means the same in both. kSystem when there is no such file, or its links never end.
  Result<void> add_ours(const std::string& path);
  Result<void> add_ours(const std::string& path, const std::string& at);  // at another path
  // Every file below a folder; a folder that is not there adds nothing.
  Result<void> add_ours_below(const std::string& folder);
  void add_text(const std::string& path, std::string text, std::uint32_t mode = 0644);
  void add_folder(const std::string& path, std::uint32_t mode = 0755);

  bool contains(const std::string& path) const { return entries_.contains(path); }
  std::size_t size() const { return entries_.size(); }
  // What is there under a path: "-> TARGET", "file SOURCE", "text", "folder"; "" nothing.
  std::string describe(const std::string& path) const;
  // Reads the files. Unpacked it is what was added.
  Result<std::string> archive() const;

 private:
  struct Entry {
    enum class Kind { kFolder, kFile, kText, kLink };
    Kind kind = Kind::kFolder;
    std::string text;  // kFile: where it is here; kLink: the target
    std::uint32_t mode = 0755;
  };
  void add_parents(const std::string& path);

  std::map<std::string, Entry> entries_;  // by absolute path; sorted, so parents come first
};

}  // namespace netns_lab::qemu
