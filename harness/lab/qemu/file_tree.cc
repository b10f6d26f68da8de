#include "harness/lab/qemu/file_tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <filesystem>
#include <utility>

#include "harness/base/unique_fd.h"
#include "harness/lab/qemu/initramfs.h"

namespace netns_lab::qemu {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as the kernel: ELOOP

std::deque<std::string> parts_of(const std::string& path) {
  std::deque<std::string> parts;
  for (const auto& part : fs::path(path)) {
    if (part != "/" && part != "." && !part.empty()) parts.push_back(part.string());
  }
  return parts;
}

Result<std::string> contents_of(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) return tl::unexpected(Error::system("read " + path, errno));
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected(Error::system("read " + path, errno));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace

void FileTree::add_parents(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    entries_.try_emplace(path.substr(0, slash));
  }
}

Result<void> FileTree::add_ours(const std::string& path) {
  std::deque<std::string> left = parts_of(path);
  std::string at;  // resolved so far: no link in it
  int links = 0;
  while (!left.empty()) {
    const std::string part = left.front();
    left.pop_front();
    if (part == "..") {
      at = at.substr(0, at.rfind('/') == std::string::npos ? 0 : at.rfind('/'));
      continue;
    }
    const std::string here = at + "/" + part;
    struct stat status {};
    if (::lstat(here.c_str(), &status) != 0)
      return tl::unexpected(Error::system("put " + path + " into a machine", errno));
    if (S_ISLNK(status.st_mode)) {
      if (++links > kMostLinks) return tl::unexpected(Error::system("put " + path + " into a machine", ELOOP));
      std::error_code code;
      const std::string target = fs::read_symlink(here, code).string();
      if (code) return tl::unexpected(Error::system("read the link " + here, code.value()));
      entries_[here] = {.kind = Entry::Kind::kLink, .text = target, .mode = 0777};
      if (target.starts_with('/')) at.clear();
      std::deque<std::string> more = parts_of(target);
      left.insert(left.begin(), more.begin(), more.end());
      continue;
    }
    if (S_ISDIR(status.st_mode)) {
      entries_.try_emplace(here);
    } else {
      entries_[here] = {.kind = Entry::Kind::kFile, .text = here, .mode = status.st_mode & 0777};
    }
    at = here;
  }
  return {};
}

Result<void> FileTree::add_ours(const std::string& path, const std::string& at) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return tl::unexpected(Error::system("put " + path + " into a machine", errno));
  add_parents(at);
  entries_[at] = {.kind = Entry::Kind::kFile, .text = path, .mode = status.st_mode & 0777};
  return {};
}

Result<void> FileTree::add_ours_below(const std::string& folder) {
  std::error_code code;
  for (const auto& entry : fs::recursive_directory_iterator(folder, code)) {
    std::error_code ignored;
    if (fs::is_regular_file(entry.path(), ignored)) NETNS_LAB_TRY(add_ours(entry.path()));
  }
  return {};
}

void FileTree::add_text(const std::string& path, std::string text, std::uint32_t mode) {
  add_parents(path);
  entries_[path] = {.kind = Entry::Kind::kText, .text = std::move(text), .mode = mode};
}

void FileTree::add_folder(const std::string& path, std::uint32_t mode) {
  add_parents(path);
  entries_[path] = {.kind = Entry::Kind::kFolder, .text = "", .mode = mode};
}

std::string FileTree::describe(const std::string& path) const {
  const auto found = entries_.find(path);
  if (found == entries_.end()) return "";
  switch (found->second.kind) {
    case Entry::Kind::kLink:
      return "-> " + found->second.text;
    case Entry::Kind::kFile:
      return "file " + found->second.text;
    case Entry::Kind::kText:
      return "text";
    case Entry::Kind::kFolder:
      return "folder";
  }
  return "";
}

Result<std::string> FileTree::archive() const {
  Initramfs image;
  for (const auto& [path, entry] : entries_) {
    const std::string relative = path.substr(1);
    switch (entry.kind) {
      case Entry::Kind::kFolder:
        image.folder(relative, entry.mode);
        break;
      case Entry::Kind::kText:
        image.file(relative, entry.mode, entry.text);
        break;
      case Entry::Kind::kLink:
        image.link(relative, entry.text);
        break;
      case Entry::Kind::kFile: {
        NETNS_LAB_ASSIGN(const std::string contents, contents_of(entry.text));
        image.file(relative, entry.mode, contents);
        break;
      }
    }
  }
  return std::move(image).finish();
}

}  // namespace netns_lab::qemu
