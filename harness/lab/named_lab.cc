#include "harness/lab/named_lab.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

namespace netns_lab {
namespace {

constexpr int kLockRetryMilliseconds = 5;

bool is_name_byte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '.' ||
         byte == '_' || byte == '-';
}

// The folder, made if need be, and only if it is the user's own and nobody else's.
Result<void> own_folder(const std::string& path, uid_t user) {
  const std::string attempted = fmt::format("keep labs in {}", path);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return tl::unexpected(Error::system(attempted, errno));
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid()) {
    const int code = errno;
    if (code != ENOTDIR && code != ELOOP) return tl::unexpected(Error::system(attempted, code));
    return tl::unexpected(Error::taken(attempted, "it is not a folder", "remove it, or set XDG_RUNTIME_DIR"));
  }
  struct stat status {};
  if (::fstat(folder.get(), &status) != 0) return tl::unexpected(Error::system(attempted, errno));
  if (status.st_uid != user) {
    return tl::unexpected(Error::taken(attempted, fmt::format("it belongs to user {}, not to {}", status.st_uid, user),
                                       "set XDG_RUNTIME_DIR to a folder of your own"));
  }
  if ((status.st_mode & 0077) != 0 && ::fchmod(folder.get(), 0700) != 0) {
    return tl::unexpected(Error::system(attempted, errno));
  }
  return {};
}

bool is_own_directory(const std::string& path, uid_t user) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == user &&
         (status.st_mode & 0022) == 0;
}

struct SocketAddress {
  sockaddr_un address{};
  UniqueFd folder;  // keeps /proc/self/fd/N alive while the address is used
};

Result<SocketAddress> socket_address(const std::string& path) {
  SocketAddress result;
  result.address.sun_family = AF_UNIX;
  std::string text = path;
  if (text.size() >= sizeof result.address.sun_path) {
    const std::size_t slash = path.rfind('/');
    result.folder.reset(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!result.folder.valid()) return tl::unexpected(Error::system("open the folder of " + path, errno));
    text = fmt::format("/proc/self/fd/{}/{}", result.folder.get(), path.substr(slash + 1));
  }
  std::memcpy(result.address.sun_path, text.c_str(), text.size() + 1);
  return result;
}

}  // namespace

std::string of_machine(const std::string& name, int number) {
  if (number == 1) return name;
  const std::size_t dot = std::min(name.rfind('.'), name.size());
  return fmt::format("{}-{}{}", name.substr(0, dot), number, name.substr(dot));
}

std::string node_socket(int number) { return of_machine(kNodeSocket, number); }

Result<void> check_lab_name(const std::string& name) {
  const std::string attempted = fmt::format("lab name \"{}\"", name);
  if (name.empty()) return tl::unexpected(Error::invalid(attempted, "a lab's name cannot be empty"));
  if (name.size() > 64) {
    return tl::unexpected(Error::invalid(attempted, fmt::format("{} bytes long; at most 64 are allowed", name.size())));
  }
  if (name.front() == '.' || name.front() == '-') {
    return tl::unexpected(Error::invalid(attempted, fmt::format("a lab's name cannot begin with '{}'", name.front())));
  }
  const auto wrong = std::find_if_not(name.begin(), name.end(), is_name_byte);
  if (wrong != name.end()) {
    return tl::unexpected(
        Error::invalid(attempted, fmt::format("'{}' is not allowed; use letters, digits, '.', '_' and '-'", *wrong)));
  }
  return {};
}

RuntimeEnvironment RuntimeEnvironment::of_process() {
  RuntimeEnvironment environment;
  const char* directory = std::getenv("XDG_RUNTIME_DIR");
  environment.runtime_directory = directory != nullptr ? directory : "";
  environment.user = ::geteuid();
  return environment;
}

Result<LabHome> LabHome::open(const RuntimeEnvironment& environment) {
  const std::string& xdg = environment.runtime_directory;
  // The XDG base directory specification wants an absolute path owned by the user; under sudo it is often somebody
  // else's.
  std::string path;
  if (xdg.starts_with('/') && is_own_directory(xdg, environment.user)) {
    path = xdg + "/netns-lab";
  } else if (environment.user == 0 && ::access(environment.system_directory.c_str(), W_OK) == 0) {
    path = environment.system_directory + "/netns-lab";
  } else {
    path = fmt::format("{}/netns-lab-{}", environment.temporary_directory, environment.user);
  }
  NETNS_LAB_TRY(own_folder(path, environment.user));
  return LabHome(std::move(path));
}

Result<std::vector<std::string>> LabHome::names() const {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path_.c_str()), &::closedir);
  if (!folder) return tl::unexpected(Error::system("read the labs in " + path_, errno));
  std::vector<std::string> found;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string name = entry->d_name;
    if (check_lab_name(name)) found.push_back(name);
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<LabFolder> LabFolder::lock(const LabHome& home, const std::string& name, Missing missing, Deadline deadline) {
  NETNS_LAB_TRY(check_lab_name(name));
  const std::string path = home.lab_path(name);
  const std::string attempted = fmt::format("lock the lab {}", name);
  while (true) {
    if (missing == Missing::kMake && ::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
      return tl::unexpected(Error::system("make " + path, errno));
    }
    UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder.valid()) {
      const int code = errno;
      if (code == ENOENT && missing == Missing::kMake) continue;  // its last holder removed it between mkdir and open
      if (code == ENOENT) {
        return tl::unexpected(Error::missing(fmt::format("lab {}", name), "there is no such lab",
                                             "netns-lab list labs shows those there are"));
      }
      return tl::unexpected(Error::system("open " + path, code));
    }
    while (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) return tl::unexpected(Error::system(attempted, errno));
      if (deadline.passed()) {
        return tl::unexpected(Error::taken(attempted, "another netns-lab is making or removing it", "try again later"));
      }
      ::poll(nullptr, 0, kLockRetryMilliseconds);  // flock(2) has no timed wait and no event
    }
    // Whoever held the lock before may have removed the folder: then this lock is on a folder that nobody can find.
    struct stat locked {};
    struct stat there {};
    if (::fstat(folder.get(), &locked) == 0 && ::lstat(path.c_str(), &there) == 0 && locked.st_ino == there.st_ino &&
        locked.st_dev == there.st_dev) {
      return LabFolder(path, std::move(folder));
    }
  }
}

std::string LabFolder::read_file(const std::string& file) const {
  const UniqueFd fd(::openat(folder_.get(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  ssize_t got = 0;
  while (fd.valid() && (got = ::read(fd.get(), buffer, sizeof buffer)) > 0)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

Result<void> LabFolder::write_file(const std::string& file, const std::string& text) const {
  const UniqueFd fd(::openat(folder_.get(), file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid() || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return tl::unexpected(Error::system("write " + path_ + "/" + file, errno));
  }
  return {};
}

Result<void> LabFolder::clear() const {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path_.c_str()), &::closedir);
  if (!folder) return tl::unexpected(Error::system("read " + path_, errno));
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (::unlinkat(folder_.get(), name.c_str(), 0) != 0) {
      return tl::unexpected(Error::system("remove " + path_ + "/" + name, errno));
    }
  }
  return {};
}

Result<void> LabFolder::remove() const {
  NETNS_LAB_TRY(clear());
  if (::rmdir(path_.c_str()) != 0) return tl::unexpected(Error::system("remove " + path_, errno));
  return {};
}

Result<UniqueFd> listen_at(const std::string& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return tl::unexpected(Error::system("make a unix socket", errno));
  NETNS_LAB_ASSIGN(const SocketAddress address, socket_address(path));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.address), sizeof address.address) != 0 ||
      ::listen(socket.get(), 64) != 0) {
    return tl::unexpected(Error::system("listen at " + path, errno));
  }
  return socket;
}

Result<UniqueFd> connect_to(const std::string& path) {
  const std::string attempted = "connect to " + path;
  // Not blocking: a full backlog answers EAGAIN instead of holding us.
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return tl::unexpected(Error::system("make a unix socket", errno));
  auto address = socket_address(path);
  if (!address && address.error().system_errno != ENOENT) return tl::unexpected(std::move(address).error());
  if (!address) return tl::unexpected(Error::missing(attempted, "there is no such socket"));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address->address), sizeof address->address) != 0) {
    const int code = errno;
    if (code == ENOENT) return tl::unexpected(Error::missing(attempted, "there is no such socket"));
    if (code == ECONNREFUSED) return tl::unexpected(Error::lost(attempted, "nobody listens there any more"));
    return tl::unexpected(Error::system(attempted, code));
  }
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) {
    return tl::unexpected(Error::system(attempted, errno));
  }
  return socket;
}

Result<Listener> listener_of(const UniqueFd& connection) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return tl::unexpected(Error::system("ask who listens at the lab's socket", errno));
  }
  Listener listener;
  listener.pid = credentials.pid;
  listener.process.reset(static_cast<int>(::syscall(SYS_pidfd_open, credentials.pid, 0)));
  if (!listener.process.valid()) {
    return tl::unexpected(Error::system(fmt::format("watch process {}", credentials.pid), errno));
  }
  return listener;
}

Result<void> await_end(const Listener& listener, Deadline deadline) {
  pollfd ended{.fd = listener.process.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  while ((ready = ::poll(&ended, 1, deadline.poll_timeout())) < 0 && errno == EINTR) {
  }
  if (ready > 0) return {};
  ::syscall(SYS_pidfd_send_signal, listener.process.get(), SIGKILL, nullptr, 0);
  const Deadline last = Deadline::after(std::chrono::seconds(5));
  while ((ready = ::poll(&ended, 1, last.poll_timeout())) < 0 && errno == EINTR) {
  }
  if (ready > 0) return {};
  return tl::unexpected(
      Error::timeout(fmt::format("end process {} of the lab", listener.pid), "it outlived SIGKILL for 5 s"));
}

}  // namespace netns_lab
