// For the tests of this folder: a fresh network namespace per test, and others beside it. Header only; included by
// tests alone.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "harness/base/unique_fd.h"
#include "harness/netlink/link.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

inline UniqueFd own_namespace() {
  UniqueFd fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) throw std::runtime_error(std::string("open the own namespace: ") + std::strerror(errno));
  return fd;
}

// A namespace that nobody else refers to. Arranging throws: the test ends with an error, not with a wrong claim.
class OtherNamespace {
 public:
  OtherNamespace() {
    const UniqueFd home = own_namespace();
    if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error(std::string("unshare: ") + std::strerror(errno));
    fd_ = own_namespace();
    enter(home.get());
  }
  int fd() const { return fd_.get(); }
  UniqueFd raw_socket(Protocol protocol = Protocol::kRoute) const {
    const UniqueFd home = own_namespace();
    enter(fd_.get());
    auto raw = open_raw(protocol);
    enter(home.get());
    return std::move(raw).value();
  }
  UniqueFd any_socket(int family, int type) const {
    const UniqueFd home = own_namespace();
    enter(fd_.get());
    UniqueFd made(::socket(family, type | SOCK_CLOEXEC, 0));
    enter(home.get());
    if (!made.valid()) throw std::runtime_error(std::string("socket: ") + std::strerror(errno));
    return made;
  }
  NetlinkSocket socket(Protocol protocol = Protocol::kRoute) const {
    return NetlinkSocket::adopt(raw_socket(protocol), protocol).value();
  }

 private:
  static void enter(int fd) {
    if (::setns(fd, CLONE_NEWNET) != 0) throw std::runtime_error(std::string("setns: ") + std::strerror(errno));
  }
  UniqueFd fd_;
};

inline void arranged(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().message());
}

class KernelTest : public testing::Test {
 protected:
  KernelTest() : socket_(namespace_.socket()) {}
  NetlinkSocket& socket() { return socket_; }
  const OtherNamespace& home() const { return namespace_; }
  std::uint32_t index_of(const std::string& name) { return get_link(socket_, LinkRef::named(name)).value().index; }
  // A veth pair with both ends here, down.
  void make_pair(const std::string& name, const std::string& peer_name) {
    VethSpec spec;
    spec.name = name;
    spec.peer_name = peer_name;
    arranged(socket_.execute(create_veth(spec)));
  }
  void raise(const std::string& name) {
    LinkChange change;
    change.up = true;
    arranged(socket_.execute(set_link(LinkRef::named(name), change)));
  }

 private:
  OtherNamespace namespace_;
  NetlinkSocket socket_;
};

}  // namespace netns_lab::netlink
