// IpAddress and port as the kernel's sockaddr.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "harness/model/address.h"

namespace netns_lab::probe {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  // `scope`: interface index; counts for IPv6 link-local addresses only.
  static SocketAddress of(const IpAddress& address, std::uint16_t port = 0, int scope = 0);
  // The local end of a socket (getsockname(2)); family AF_UNSPEC when it has none.
  static SocketAddress local_of(int socket);
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  std::uint16_t port() const;
};

}  // namespace netns_lab::probe
