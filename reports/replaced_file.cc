#include "reports/replaced_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace netns_lab::reports {
namespace {

// A lock of the process (fcntl): unlike flock(2) it does not live on in children that inherit the descriptor.
Result<UniqueFd> open_locked(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!file.valid()) return tl::unexpected(Error::system("create " + path, errno));
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(file.get(), F_SETLK, &whole) != 0 && (errno == EACCES || errno == EAGAIN)) {
    return tl::unexpected(Error::taken("write " + path, "another run is writing its reports there",
                                       "wait for it, or give another folder with --report-dir"));
  }
  return file;
}

// Whether somebody who opened the file while it had the public name may still be reading it. A write lease is granted
// only when no other descriptor is open (fcntl(2)); the spare name is known to nobody, so no new one can appear. Where
// there are no leases: yes, as far as we know.
bool may_be_read(const UniqueFd& file) {
  if (::fcntl(file.get(), F_SETLEASE, F_WRLCK) != 0) return true;
  ::fcntl(file.get(), F_SETLEASE, F_UNLCK);
  return false;
}

}  // namespace

ReplacedFile::ReplacedFile(std::string path)
    : path_(std::move(path)), spare_path_(path_ + ".new"), owner_(::getpid()) {}

ReplacedFile::ReplacedFile(ReplacedFile&& other) noexcept
    : path_(std::move(other.path_)),
      spare_path_(std::move(other.spare_path_)),
      shown_(std::move(other.shown_)),
      spare_(std::move(other.spare_)),
      owner_(std::exchange(other.owner_, 0)) {}

ReplacedFile::~ReplacedFile() {
  if (owner_ == ::getpid() && spare_.file.valid()) ::unlink(spare_path_.c_str());
}

Result<ReplacedFile> ReplacedFile::create(std::string path, std::string_view text) {
  ReplacedFile made(std::move(path));
  NETNS_LAB_ASSIGN(UniqueFd spare, open_locked(made.spare_path_));
  made.spare_.file = std::move(spare);
  struct stat status {};
  if (::fstat(made.spare_.file.get(), &status) == 0) made.spare_.size = static_cast<std::size_t>(status.st_size);
  NETNS_LAB_TRY(made.fill(made.spare_, text));
  // The first time there may be nothing to exchange with, or a file of a run that is over.
  if (::rename(made.spare_path_.c_str(), made.path_.c_str()) != 0) {
    return tl::unexpected(Error::system(fmt::format("rename {} to {}", made.spare_path_, made.path_), errno));
  }
  made.shown_ = std::exchange(made.spare_, Side());
  NETNS_LAB_ASSIGN(UniqueFd second, open_locked(made.spare_path_));
  made.spare_.file = std::move(second);
  return made;
}

Result<void> ReplacedFile::fill(Side& side, std::string_view text) const {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::pwrite(side.file.get(), text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tl::unexpected(Error::system("write to " + spare_path_, errno));
    done += static_cast<std::size_t>(written);
  }
  if (side.size > text.size() && ::ftruncate(side.file.get(), static_cast<off_t>(text.size())) != 0) {
    return tl::unexpected(Error::system("cut " + spare_path_, errno));
  }
  side.size = text.size();
  return {};
}

Result<void> ReplacedFile::swap_names() {
  if (::renameat2(AT_FDCWD, spare_path_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) == 0) {
    std::swap(shown_, spare_);
    return {};
  }
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP && errno != ENOENT) {
    return tl::unexpected(Error::system(fmt::format("exchange {} and {}", spare_path_, path_), errno));
  }
  // The file system cannot exchange, or somebody has removed the file that is shown.
  if (::rename(spare_path_.c_str(), path_.c_str()) != 0) {
    return tl::unexpected(Error::system(fmt::format("rename {} to {}", spare_path_, path_), errno));
  }
  shown_ = std::exchange(spare_, Side());
  return renew_spare();
}

Result<void> ReplacedFile::renew_spare() {
  if (::unlink(spare_path_.c_str()) != 0 && errno != ENOENT) {
    return tl::unexpected(Error::system("remove " + spare_path_, errno));
  }
  spare_ = Side();
  NETNS_LAB_ASSIGN(UniqueFd next, open_locked(spare_path_));
  spare_.file = std::move(next);
  return {};
}

Result<void> ReplacedFile::replace(std::string_view text) {
  if (may_be_read(spare_.file)) NETNS_LAB_TRY(renew_spare());
  NETNS_LAB_TRY(fill(spare_, text));
  return swap_names();
}

}  // namespace netns_lab::reports
