#include "harness/lab/qemu/initramfs.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <iterator>
#include <utility>

namespace netns_lab::qemu {
namespace {

constexpr std::size_t kAlignment = 4;

}  // namespace

void Initramfs::pad() {
  while (archive_.size() % kAlignment != 0) archive_ += '\0';
}

void Initramfs::entry(std::string_view path, std::uint32_t mode, std::string_view contents) {
  const std::uint32_t links = (mode & S_IFMT) == S_IFDIR ? 2 : 1;
  // magic ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  fmt::format_to(std::back_inserter(archive_),
                 "070701{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}", inode_++, mode,
                 0, 0, links, 0, contents.size(), 0, 0, 0, 0, path.size() + 1, 0);
  archive_ += path;
  archive_ += '\0';
  pad();
  archive_ += contents;
  pad();
}

void Initramfs::folder(std::string_view path, std::uint32_t mode) { entry(path, S_IFDIR | mode, ""); }
void Initramfs::file(std::string_view path, std::uint32_t mode, std::string_view contents) {
  entry(path, S_IFREG | mode, contents);
}
void Initramfs::link(std::string_view path, std::string_view target) { entry(path, S_IFLNK | 0777, target); }

std::string Initramfs::finish() && {
  inode_ = 0;
  entry("TRAILER!!!", 0, "");
  return std::move(archive_);
}

}  // namespace netns_lab::qemu
