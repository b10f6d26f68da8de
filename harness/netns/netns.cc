#include "harness/netns/netns.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/nsfs.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ostream>

namespace netns_lab {
namespace {

// Never /proc/self: that is the main thread's (proc(5)).
constexpr auto kOwnNamespaceFile = "/proc/thread-self/ns/net";

// Puts the calling thread back where it was when it goes out of scope.
class Return {
 public:
  // Tries the way back first, while nothing has changed yet: a process in a user namespace of its own may be unable to
  // re-enter the network namespace it came with, and must then not leave it.
  static Result<Return> prepare() {
    UniqueFd home(::open(kOwnNamespaceFile, O_RDONLY | O_CLOEXEC));
    if (!home.valid()) return tl::unexpected(Error::system(fmt::format("open {}", kOwnNamespaceFile), errno));
    if (::setns(home.get(), CLONE_NEWNET) != 0) {
      return tl::unexpected(Error::system("make sure that this thread can return to its own network namespace", errno));
    }
    return Return(std::move(home));
  }
  Return(Return&&) noexcept = default;
  Return& operator=(Return&&) = delete;
  ~Return() {
    if (home_.valid() && ::setns(home_.get(), CLONE_NEWNET) != 0) {
      // Going on would make sockets in the wrong namespace, without anybody noticing.
      std::fprintf(stderr, "netns-lab: a thread cannot return to its network namespace: %s\n", std::strerror(errno));
      std::abort();
    }
  }

 private:
  explicit Return(UniqueFd home) : home_(std::move(home)) {}
  UniqueFd home_;
};

Result<Return> enter(const NetworkNamespace& network_namespace) {
  NETNS_LAB_ASSIGN(Return back, Return::prepare());
  if (::setns(network_namespace.fd(), CLONE_NEWNET) != 0) {
    return tl::unexpected(
        Error::system(fmt::format("enter network namespace net:[{}]", network_namespace.inode()), errno));
  }
  return back;
}

Result<UniqueFd> open_own_namespace() {
  UniqueFd fd(::open(kOwnNamespaceFile, O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return tl::unexpected(Error::system(fmt::format("open {}", kOwnNamespaceFile), errno));
  return fd;
}

Error creation_error(int system_errno) {
  Error error = Error::system("create a network namespace", system_errno);
  if (system_errno == ENOSPC) {
    error.kind = ErrorKind::kMissing;
    error.remedy =
        "the quota of network namespaces is used up: end other labs, or sysctl user.max_net_namespaces=65536";
  }
  if (system_errno == EPERM) {
    error.kind = ErrorKind::kMissing;
    error.remedy = "this needs CAP_SYS_ADMIN, which a user namespace gives";
  }
  return error;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const NamespaceIdentity& identity) {
  return out << "net:[" << identity.inode << "]";
}

Result<NetworkNamespace> NetworkNamespace::create() {
  NETNS_LAB_ASSIGN(const Return back, Return::prepare());
  if (::unshare(CLONE_NEWNET) != 0) return tl::unexpected(creation_error(errno));
  NETNS_LAB_ASSIGN(UniqueFd fd, open_own_namespace());
  return adopt(std::move(fd));
}

Result<NetworkNamespace> NetworkNamespace::open(const std::string& path) {
  // O_NONBLOCK: a FIFO in place of a namespace must not stop us.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) {
    const int open_errno = errno;
    Error error = Error::system(fmt::format("open network namespace {}", path), open_errno);
    if (open_errno == ENOENT) error.kind = ErrorKind::kMissing;
    return tl::unexpected(std::move(error));
  }
  auto opened = adopt(std::move(fd));
  if (!opened) opened.error().attempted = fmt::format("open network namespace {}", path);
  return opened;
}

Result<NetworkNamespace> NetworkNamespace::open(const std::string& directory, const std::string& name) {
  return open(directory + "/" + name);
}

Result<NetworkNamespace> NetworkNamespace::of_process(pid_t pid) { return open(fmt::format("/proc/{}/ns/net", pid)); }

Result<NetworkNamespace> NetworkNamespace::current() {
  NETNS_LAB_ASSIGN(UniqueFd fd, open_own_namespace());
  return adopt(std::move(fd));
}

Result<NetworkNamespace> NetworkNamespace::adopt(UniqueFd fd) {
  constexpr auto kAttempted = "take a descriptor as a network namespace";
  const int type = ::ioctl(fd.get(), NS_GET_NSTYPE);  // ENOTTY, or worse, where the file is not of nsfs
  if (type != CLONE_NEWNET) {
    Error error = Error::invalid(kAttempted, type < 0 ? "it is not a namespace" : "it is a namespace of another kind");
    error.system_errno = ENOTTY;  // so that a probe can tell it from its own failure, as it does with ENOENT
    return tl::unexpected(std::move(error));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return tl::unexpected(Error::system(kAttempted, errno));
  return NetworkNamespace(std::move(fd), {.device = status.st_dev, .inode = status.st_ino});
}

Result<NetworkNamespace> NetworkNamespace::duplicate() const {
  UniqueFd copy(::fcntl(fd(), F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) return tl::unexpected(Error::system("duplicate the descriptor of a network namespace", errno));
  return NetworkNamespace(std::move(copy), identity_);
}

Result<UniqueFd> socket_in(const NetworkNamespace& network_namespace, int domain, int type, int protocol) {
  NETNS_LAB_ASSIGN(const Return back, enter(network_namespace));
  UniqueFd made(::socket(domain, type | SOCK_CLOEXEC, protocol));
  if (!made.valid()) {
    return tl::unexpected(
        Error::system(fmt::format("create a socket (domain {}, type {}, protocol {}) in network namespace net:[{}]",
                                  domain, type, protocol, network_namespace.inode()),
                      errno));
  }
  return made;
}

Result<UniqueFd> open_in(const NetworkNamespace& network_namespace, const std::string& path, int flags) {
  NETNS_LAB_ASSIGN(const Return back, enter(network_namespace));
  UniqueFd opened(::open(path.c_str(), flags | O_CLOEXEC));
  if (!opened.valid()) {
    return tl::unexpected(
        Error::system(fmt::format("open {} in network namespace net:[{}]", path, network_namespace.inode()), errno));
  }
  return opened;
}

Result<void> within(const NetworkNamespace& network_namespace, const std::function<Result<void>()>& action) {
  NETNS_LAB_ASSIGN(const Return back, enter(network_namespace));
  return action();
}

}  // namespace netns_lab
