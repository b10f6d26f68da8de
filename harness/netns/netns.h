// A network namespace as a value that owns it, and the only two ways to do something inside one.
//
//   NETNS_LAB_ASSIGN(const NetworkNamespace container, NetworkNamespace::create());
//   NETNS_LAB_ASSIGN(UniqueFd socket, socket_in(container, AF_INET, SOCK_RAW, IPPROTO_ICMP));
//   NETNS_LAB_ASSIGN(UniqueFd forward, open_in(container, "/proc/sys/net/ipv4/ip_forward", O_RDONLY));
//
// Threads: the network namespace is a property of the thread, not of the process (README.md). Everything here changes
// it for the calling thread only, for the length of one call, and puts it back; a thread that cannot be put back aborts
// the process.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab {

// Which namespace it is: two files name the same namespace exactly when device and inode of their nsfs files are equal
// (namespaces(7)).
struct NamespaceIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const NamespaceIdentity&) const = default;
};
std::ostream& operator<<(std::ostream& out, const NamespaceIdentity& identity);  // "net:[4026531840]"

class NetworkNamespace {
 public:
  // A new one that nothing else refers to: it dies with this value and the sockets made in it. Needs CAP_SYS_ADMIN. An
  // exhausted quota (ENOSPC, user.max_net_namespaces) is kMissing with the command that raises it.
  static Result<NetworkNamespace> create();
  // The namespace that the file at `path` stands for. kMissing when there is no such file; kInvalid when it is not a
  // network namespace.
  static Result<NetworkNamespace> open(const std::string& path);
  static Result<NetworkNamespace> open(const std::string& directory,
                                       const std::string& name);  // "/run/netns", "netns1"
  // The namespace of the (main thread of the) process `pid`, which must be visible in /proc.
  static Result<NetworkNamespace> of_process(pid_t pid);
  // The calling thread's.
  static Result<NetworkNamespace> current();
  // Takes an nsfs descriptor received from elsewhere. kInvalid when it is not of a network namespace.
  static Result<NetworkNamespace> adopt(UniqueFd fd);

  int fd() const { return fd_.get(); }  // for IFLA_NET_NS_FD and the like; stays owned here
  const NamespaceIdentity& identity() const { return identity_; }
  std::uint64_t inode() const { return identity_.inode; }
  Result<NetworkNamespace> duplicate() const;  // a second owner of the same namespace

 private:
  NetworkNamespace(UniqueFd fd, NamespaceIdentity identity) : fd_(std::move(fd)), identity_(identity) {}
  UniqueFd fd_;
  NamespaceIdentity identity_;
};

// A socket belongs to the namespace it was created in, for good. `type` gets SOCK_CLOEXEC added. Errors: of setns(2)
// and socket(2), as they come.
Result<UniqueFd> socket_in(const NetworkNamespace& network_namespace, int domain, int type, int protocol);

// A file whose contents depend on the opener's namespace: those below /proc/sys/net and /proc/thread-self/net.
// O_CLOEXEC is added.
Result<UniqueFd> open_in(const NetworkNamespace& network_namespace, const std::string& path, int flags);

// Runs `action` with the calling thread inside. For what cannot be had by a descriptor (a child that is to start
// there); `action` must not start threads, and must not throw.
Result<void> within(const NetworkNamespace& network_namespace, const std::function<Result<void>()>& action);

}  // namespace netns_lab
