// A file tree as the kernel unpacks it before the first process: a cpio archive, format "newc"
// (Documentation/driver-api/early-userspace/buffer-format.rst).
//
//   Initramfs image;
//   image.folder("usr"); image.file("usr/hello", 0755, bytes); image.link("init", "usr/hello");
//   const std::string archive = std::move(image).finish();
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace netns_lab::qemu {

// Paths without a leading '/', parents before what is in them. Everything belongs to root and is as old as the epoch:
// the same tree gives the same bytes.
class Initramfs {
 public:
  void folder(std::string_view path, std::uint32_t mode = 0755);
  void file(std::string_view path, std::uint32_t mode, std::string_view contents);
  void link(std::string_view path, std::string_view target);
  std::string finish() &&;

 private:
  void entry(std::string_view path, std::uint32_t mode, std::string_view contents);
  void pad();

  std::string archive_;
  std::uint32_t inode_ = 1;
};

}  // namespace netns_lab::qemu
