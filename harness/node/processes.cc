#include "harness/node/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "harness/base/text.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::node {
namespace {

constexpr std::size_t kLongestCommand = 400;  // bytes, made visible

std::optional<std::string> read_file_at(int folder, const std::string& path, std::size_t limit) {
  const UniqueFd file(::openat(folder, path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return std::nullopt;
  std::string text;
  std::array<char, 4096> buffer;
  while (text.size() < limit) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

constexpr unsigned kKernelThread = 0x00200000;  // PF_KTHREAD, include/linux/sched.h

struct Stat {
  std::string comm;
  int parent = 0;
  unsigned flags = 0;
};
// proc(5): pid (comm) state ppid pgrp session tty_nr tpgid flags …; comm may hold blanks and parentheses.
std::optional<Stat> parse_stat(const std::string& text) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open || close + 4 > text.size()) {
    return std::nullopt;
  }
  Stat stat = {.comm = text.substr(open + 1, close - open - 1), .parent = 0, .flags = 0};
  std::istringstream fields(text.substr(close + 4));
  long ignored = 0;
  fields >> stat.parent;
  for (int field = 0; field < 4; ++field) fields >> ignored;
  fields >> stat.flags;
  if (!fields) return std::nullopt;
  return stat;
}

struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};
std::optional<FileIdentity> identity_of(int folder, const std::string& path) {
  struct stat status = {};
  if (::fstatat(folder, path.c_str(), &status, 0) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

// /proc/self is about us only when this /proc is of our PID namespace.
bool shows_our_namespace(int proc) {
  std::array<char, 32> target = {};
  const ssize_t size = ::readlinkat(proc, "self", target.data(), target.size());
  return size > 0 && std::string(target.data(), static_cast<std::size_t>(size)) == std::to_string(::getpid());
}

}  // namespace

Result<std::optional<std::vector<ProcessState>>> list_processes() {
  const UniqueFd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc.valid()) return tl::unexpected(Error::system("open /proc", errno));
  if (!shows_our_namespace(proc.get())) return std::nullopt;
  const UniqueFd listing(::openat(proc.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* folder = listing.valid() ? ::fdopendir(::dup(listing.get())) : nullptr;
  if (folder == nullptr) return tl::unexpected(Error::system("list /proc", errno));
  const std::unique_ptr<DIR, int (*)(DIR*)> close_folder(folder, &::closedir);

  const auto own_program = identity_of(proc.get(), "self/exe");
  std::vector<ProcessState> processes;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string name = entry->d_name;
    int pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size() || pid == ::getpid()) continue;
    const auto stat_text = read_file_at(proc.get(), name + "/stat", 4096);
    const auto stat = stat_text ? parse_stat(*stat_text) : std::nullopt;
    if (!stat) continue;  // it has just ended
    const auto program = identity_of(proc.get(), name + "/exe");
    const bool is_fork_of_ours = program && own_program && *program == *own_program && stat->parent == ::getpid();
    const bool is_kernel_thread = (stat->flags & kKernelThread) != 0;
    if (is_fork_of_ours || is_kernel_thread) continue;
    std::string command = read_file_at(proc.get(), name + "/cmdline", kLongestCommand).value_or("");
    while (!command.empty() && command.back() == '\0') command.pop_back();
    std::replace(command.begin(), command.end(), '\0', ' ');
    const auto network = identity_of(proc.get(), name + "/ns/net");
    processes.push_back(
        ProcessState{.pid = pid,
                     .command = command.empty() ? "[" + visible(stat->comm) + "]" : visible(command, kLongestCommand),
                     .network_namespace_inode = network ? network->inode : 0});
  }
  std::sort(processes.begin(), processes.end(),
            [](const ProcessState& a, const ProcessState& b) { return a.pid < b.pid; });
  return processes;
}

}  // namespace netns_lab::node
