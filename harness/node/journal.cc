#include "harness/node/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "harness/base/deadline.h"
#include "harness/base/text.h"
#include "harness/netlink/link.h"
#include "harness/netlink/nft_table.h"
#include "harness/netns/netns.h"
#include "harness/node/journal_contents.h"
#include "harness/node/sandbox_process.h"
#include "harness/node/sysctl.h"

namespace netns_lab::node {
namespace {

using netlink::LinkRef;
using netlink::NetlinkSocket;
using nlohmann::json;

// How long the processes of a lab whose guard is dead may still take to end: the kernel is killing them.
constexpr std::chrono::seconds kDying{5};

// A guard that was killed this moment is not gone yet. A start beside a lab that lives costs this much more.
constexpr std::chrono::milliseconds kGrace{100};

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string boot_id() {
  const std::vector<std::string> lines = split_lines(read_text("/proc/sys/kernel/random/boot_id"));
  return lines.empty() ? "" : lines.front();
}

struct Attempt {
  std::vector<std::string> left;
  std::string records;  // for the journal: what is done with
};

// A table that is gone, and one that no kernel without nf_tables could have had, are nothing to remove.
Result<void> remove_nft_table(const std::string& name) {
  const auto key = netlink::nft_table_key(name);
  if (!key) return {};
  NETNS_LAB_ASSIGN(NetlinkSocket socket, NetlinkSocket::open(netlink::Protocol::kNetfilter));
  NETNS_LAB_ASSIGN(const bool is_there, netlink::has_nft_table(socket, *key));
  return is_there ? netlink::delete_nft_table(socket, *key) : Result<void>();
}

Result<Attempt> undo(const JournalContents& contents) {
  Attempt attempt;
  for (const std::string& name : contents.nft_tables) {
    const auto removed = remove_nft_table(name);
    if (removed) {
      attempt.records += json({{"forget-nft-table", name}}).dump() + "\n";
    } else {
      attempt.left.push_back(fmt::format("{}; do it with: nft delete table {}", removed.error().message(), name));
    }
  }
  NETNS_LAB_ASSIGN(NetlinkSocket socket, NetlinkSocket::open(netlink::Protocol::kRoute));
  for (auto name = contents.links.rbegin(); name != contents.links.rend(); ++name) {
    const auto removed = socket.execute(netlink::delete_link(LinkRef::named(*name)));
    if (removed || removed.error().system_errno == ENODEV) {
      attempt.records += json({{"forget", *name}}).dump() + "\n";
    } else {
      attempt.left.push_back(fmt::format("{}; do it with: ip link delete {}", removed.error().message(), *name));
    }
  }
  NETNS_LAB_ASSIGN(const NetworkNamespace own, NetworkNamespace::current());
  for (const auto& [key, value] : contents.sysctls) {
    const auto now = read_sysctl(own, key);
    // No more to be read: it went with its link.
    const auto written = !now || *now == value ? Result<void>() : write_sysctl(own, key, value);
    if (written) {
      attempt.records += json({{"restored", key}}).dump() + "\n";
    } else {
      attempt.left.push_back(fmt::format("{}; do it with: sysctl -w {}={}", written.error().message(), key, value));
    }
  }
  return attempt;
}

std::vector<std::string> remarks_of(const JournalContents& contents, const std::string& path) {
  std::vector<std::string> remarks;
  for (const std::string& line : contents.torn) {
    remarks.push_back(fmt::format(
        "journal {}: the record \"{}\" is damaged, or was cut short when it was written; nothing was done on it", path,
        visible(line, 100)));
  }
  return remarks;
}

// Whether the open file is the one at `path` still.
bool is_at(const std::string& path, int fd) {
  struct stat named {};
  struct stat opened {};
  return ::stat(path.c_str(), &named) == 0 && ::fstat(fd, &opened) == 0 && named.st_dev == opened.st_dev &&
         named.st_ino == opened.st_ino;
}

// Also when it is a zombie that nobody has waited for: in a container without an init that is for ever.
bool has_ended(pid_t pid) {
  const auto process = open_process(pid);
  if (!process) return process.error().system_errno == ESRCH;
  pollfd ended{.fd = process->get(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, static_cast<int>(kGrace.count())) == 1;
}

// True when no process of a journal's lab lives any more, and the lock of it is ours. Where only the guard is dead, the
// end of the rest is awaited.
bool outlive(const UniqueFd& file, pid_t guard) {
  if (guard <= 0 || !has_ended(guard)) return false;
  // The lock is an agent's that the kernel is killing (PR_SET_PDEATHSIG). flock(2) has no time limit: a child waits for
  // it.
  const auto waiter = fork_child([&] { return ::flock(file.get(), LOCK_EX) == 0 ? 0 : 1; });
  if (!waiter) return false;
  pollfd ended{.fd = waiter->process.get(), .events = POLLIN, .revents = 0};
  const bool free = ::poll(&ended, 1, Deadline::after(kDying).poll_timeout()) == 1;
  end_child(*waiter);
  return free;
}

}  // namespace

Result<Journal> Journal::create(const std::string& path) {
  NETNS_LAB_ASSIGN(const NetworkNamespace own, NetworkNamespace::current());
  while (true) {
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return tl::unexpected(Error::system(fmt::format("create the journal {}", path), errno));
    // Only another start's recover_journals() can have it, and lets go at once: it takes an empty journal for a dead
    // one's, and removes it. Then we begin again.
    if (::flock(file.get(), LOCK_EX) != 0) {
      return tl::unexpected(Error::system(fmt::format("lock the journal {}", path), errno));
    }
    if (!is_at(path, file.get())) continue;
    Journal journal(path, std::move(file));
    const json header = {{"boot", boot_id()}, {"netns", own.inode()}, {"guard", ::getpid()}};
    if (auto written = journal.append(header.dump() + "\n"); !written) {
      ::unlink(path.c_str());
      return tl::unexpected(std::move(written).error());
    }
    return journal;
  }
}

Result<Journal> Journal::open(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return tl::unexpected(Error::system(fmt::format("open the journal {}", path), errno));
  return Journal(path, std::move(file));
}

Result<void> Journal::append(const std::string& lines) {
  if (lines.empty()) return {};
  const auto failed = [&] { return Error::system(fmt::format("write the journal {}", path_), errno); };
  struct stat before {};
  if (::fstat(file_.get(), &before) != 0) return tl::unexpected(failed());
  // A line that was cut short, and could not be taken back, must not swallow this one.
  char last = '\n';
  if (before.st_size > 0 && ::pread(file_.get(), &last, 1, before.st_size - 1) != 1) return tl::unexpected(failed());
  const std::string text = last == '\n' ? lines : "\n" + lines;
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t more = ::write(file_.get(), text.data() + written, text.size() - written);
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) {
      Error error = failed();
      if (::ftruncate(file_.get(), before.st_size) != 0) error.detail = "half of a record is left in it";
      return tl::unexpected(std::move(error));
    }
    written += static_cast<std::size_t>(more);
  }
  if (::fsync(file_.get()) == 0) return {};
  Error error = failed();
  if (::ftruncate(file_.get(), before.st_size) != 0) error.detail = "a record is left in it that was not acted upon";
  return tl::unexpected(std::move(error));
}

Result<void> Journal::before_sysctls(const std::vector<std::string>& keys) {
  NETNS_LAB_ASSIGN(const NetworkNamespace own, NetworkNamespace::current());
  std::string lines;
  for (const std::string& key : keys) {
    const auto value = read_sysctl(own, key);
    if (value) {
      lines += json({{"sysctl", key}, {"value", *value}}).dump() + "\n";
    } else if (value.error().system_errno != ENOENT) {
      return tl::unexpected(value.error());
    }
  }
  return append(lines);
}

Result<void> Journal::before_link(const std::string& name) {
  NETNS_LAB_ASSIGN(NetlinkSocket socket, NetlinkSocket::open(netlink::Protocol::kRoute));
  if (netlink::get_link(socket, LinkRef::named(name))) {
    return tl::unexpected(Error::taken(fmt::format("make link {}", name), "there is one of that name already"));
  }
  return append(json({{"link", name}}).dump() + "\n");
}

Result<void> Journal::before_nft_table(const std::string& name) {
  const auto key = netlink::nft_table_key(name);
  if (!key) return tl::unexpected(Error::invalid("make nft table " + name, "that names none"));
  NETNS_LAB_ASSIGN(NetlinkSocket socket, NetlinkSocket::open(netlink::Protocol::kNetfilter));
  NETNS_LAB_ASSIGN(const bool is_there, netlink::has_nft_table(socket, *key));
  if (is_there) return tl::unexpected(Error::taken("make nft table " + name, "there is one of that name already"));
  return append(json({{"nft-table", name}}).dump() + "\n");
}

Result<void> Journal::forget_nft_table(const std::string& name) {
  return append(json({{"forget-nft-table", name}}).dump() + "\n");
}

Result<void> Journal::forget_link(const std::string& name) { return append(json({{"forget", name}}).dump() + "\n"); }

Result<Undone> undo_journal(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return Undone();
  const JournalContents contents = parse_journal(read_text(path));
  NETNS_LAB_ASSIGN(Attempt attempt, undo(contents));
  Undone undone{.left = std::move(attempt.left), .remarks = remarks_of(contents, path)};
  if (undone.left.empty()) {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return undone;
    return tl::unexpected(Error::system(fmt::format("remove the journal {}", path), errno));
  }
  // Whatever cannot be noted is tried once more the next time, no worse.
  auto journal = Journal::open(path);
  const auto noted = journal ? journal->append(attempt.records) : tl::unexpected(journal.error());
  if (!noted) undone.remarks.push_back(noted.error().message());
  return undone;
}

Result<Undone> recover_journals(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(directory.c_str()), ::closedir);
  if (!listing) {
    if (errno == ENOENT) return Undone();
    return tl::unexpected(Error::system(fmt::format("list the journals in {}", directory), errno));
  }
  NETNS_LAB_ASSIGN(const NetworkNamespace own, NetworkNamespace::current());
  const std::string boot = boot_id();
  Undone all;
  while (const dirent* item = ::readdir(listing.get())) {
    const std::string path = directory + "/" + item->d_name;
    if (item->d_name[0] == '.') continue;
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid()) continue;  // undone by its own guard meanwhile
    // Locked first, read then: what is read under the lock does not change any more.
    const bool locked = ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
    const JournalContents contents = parse_journal(read_text(path));
    if (contents.boot != boot) {
      // Nothing of it survived the restart of the machine. (A journal without its first line was never acted upon.)
      if (locked && is_at(path, file.get())) ::unlink(path.c_str());
      continue;
    }
    if (contents.network_namespace != own.inode()) continue;
    if (!locked && !outlive(file, contents.guard)) continue;
    if (!is_at(path, file.get())) continue;  // another start, which had the lock before us, has undone it
    NETNS_LAB_ASSIGN(const Undone one, undo_journal(path));
    all.left.insert(all.left.end(), one.left.begin(), one.left.end());
    all.remarks.insert(all.remarks.end(), one.remarks.begin(), one.remarks.end());
  }
  return all;
}

}  // namespace netns_lab::node
