#include "harness/lab/qemu/state_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <utility>

#include "harness/base/text.h"
#include "harness/process/running_command.h"

namespace netns_lab::qemu {
namespace {

namespace fs = std::filesystem;

// Beyond those that QEMU locks by itself (block/file-posix.c: 100 to 163 and 200 to 263).
constexpr off_t kOurByte = 1000;
constexpr off_t kQemuFirst = 100;
constexpr off_t kQemuLast = 263;
// Documentation/filesystems/ext4/super.rst: s_magic, in the superblock at byte 1024; little-endian.
constexpr off_t kMagicAt = 1024 + 0x38;
constexpr std::array<unsigned char, 2> kMagic = {0x53, 0xEF};
constexpr unsigned kLeastMib = 16;
constexpr unsigned kMostMib = 16u << 20;
constexpr std::chrono::seconds kMakeLimit{240};  // it waits for the disk that the file is on, which may be busy

struct flock write_lock(off_t first, off_t last) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = first;
  lock.l_len = last - first + 1;
  return lock;
}

// "" nobody has it; else who, in words.
std::string who_has_it(const UniqueFd& file, const std::string& path) {
  struct flock ours = write_lock(kOurByte, kOurByte);
  if (::fcntl(file.get(), F_OFD_SETLK, &ours) != 0) return "another lab's machine has it";
  struct flock of_qemu = write_lock(kQemuFirst, kQemuLast);
  if (::fcntl(file.get(), F_OFD_GETLK, &of_qemu) == 0 && of_qemu.l_type != F_UNLCK) return "a QEMU has it";
  std::error_code problem;
  for (const auto& device : fs::directory_iterator("/sys/block", problem)) {
    std::ifstream backing(device.path() / "loop/backing_file");
    std::string line;
    if (std::getline(backing, line) && line == path) {
      return fmt::format("this machine has it as /dev/{}", device.path().filename().string());
    }
  }
  return "";
}

bool holds_ext4(const UniqueFd& file) {
  std::array<unsigned char, 2> magic{};
  return ::pread(file.get(), magic.data(), magic.size(), kMagicAt) == 2 && magic == kMagic;
}

Result<void> make_file_system(const UniqueFd& file, const StateDiskSpec& spec, const std::string& attempted) {
  if (::ftruncate(file.get(), static_cast<off_t>(spec.size)) != 0) {
    return tl::unexpected(Error::system(attempted, errno));
  }
  process::Command command;
  command.argv = {"mkfs.ext4", "-q", "-F", "/proc/self/fd/3"};
  command.environment = {{"PATH", spec.program_path}, {"LC_ALL", "C"}};
  command.descriptors = {file.get()};
  command.time_limit = kMakeLimit;
  NETNS_LAB_ASSIGN(const process::CommandOutcome outcome, process::run_to_end(std::move(command)));
  if (outcome.succeeded() && holds_ext4(file)) return {};
  // Empty again, so that the next one makes it anew instead of finding half of it.
  const bool is_empty = ::ftruncate(file.get(), 0) == 0;
  if (outcome.end.how == process::CommandEnd::How::kNotStarted) {
    return tl::unexpected(
        Error::missing(attempted, "a new disk is made by mkfs.ext4, which is not here", "apt-get install e2fsprogs"));
  }
  return tl::unexpected(
      Error::missing(attempted,
                     fmt::format("mkfs.ext4 {}, and printed: {}", to_string(outcome.end),
                                 visible_line(visible(outcome.output + outcome.errors, 400))),
                     is_empty ? "see that its folder has room" : "remove it, and see that its folder has room"));
}

}  // namespace

Result<std::uint64_t> parse_disk(const std::string& text) {
  if (text.empty()) return StateDiskSpec().size;
  const std::string attempted = fmt::format("--disk {}", visible(text, 80));
  unsigned number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (problem != std::errc() || (unit != "G" && unit != "M") || number > kMostMib) {
    return tl::unexpected(Error::invalid(attempted, "it is no size", "a number and M or G: --disk 512M, --disk 2G"));
  }
  const std::uint64_t mib = unit == "G" ? std::uint64_t{number} << 10 : number;
  if (mib >= kLeastMib && mib <= kMostMib) return mib << 20;
  return tl::unexpected(
      Error::invalid(attempted, fmt::format("a state disk has between {}M and {}G", kLeastMib, kMostMib >> 10)));
}

Result<StateDisk> StateDisk::open(const StateDiskSpec& spec) {
  const std::string attempted = fmt::format("--state-disk {}", visible(spec.path, 200));
  UniqueFd file(::open(spec.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) {
    return tl::unexpected(Error::invalid(attempted, fmt::format("it cannot be opened: {}", errno_name(errno)),
                                         "name a file that you may write, in a folder that is there"));
  }
  if (!S_ISREG(status.st_mode)) return tl::unexpected(Error::invalid(attempted, "it is no file"));
  std::error_code problem;
  const std::string path = fs::canonical(spec.path, problem).string();
  if (const std::string who = who_has_it(file, path); !who.empty()) {
    return tl::unexpected(Error::taken(
        attempted, who, "end that first (netns-lab list labs; umount and losetup --detach), or name another file"));
  }
  // Looked at under the lock: another may just have made it.
  if (::fstat(file.get(), &status) != 0) return tl::unexpected(Error::system(attempted, errno));
  const bool is_new = status.st_size == 0;
  if (is_new) NETNS_LAB_TRY(make_file_system(file, spec, attempted));
  if (holds_ext4(file)) return StateDisk(std::move(file), path, is_new);
  return tl::unexpected(
      Error::invalid(attempted, "it is not empty, and holds no ext4 file system",
                     "name another file; or, if nobody needs what is in it, empty it: truncate --size 0 FILE"));
}

}  // namespace netns_lab::qemu
