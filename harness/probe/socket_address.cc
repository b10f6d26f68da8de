#include "harness/probe/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace netns_lab::probe {

SocketAddress SocketAddress::of(const IpAddress& address, std::uint16_t port, int scope) {
  SocketAddress made;
  if (address.is_v4()) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    std::memcpy(&name.sin_addr, address.bytes().data(), address.size());
    std::memcpy(&made.storage, &name, sizeof name);
    made.size = sizeof name;
  } else {
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    name.sin6_port = htons(port);
    std::memcpy(&name.sin6_addr, address.bytes().data(), address.size());
    if (address.is_link_local() || address.is_multicast()) name.sin6_scope_id = static_cast<std::uint32_t>(scope);
    std::memcpy(&made.storage, &name, sizeof name);
    made.size = sizeof name;
  }
  return made;
}

SocketAddress SocketAddress::local_of(int socket) {
  SocketAddress local;
  local.size = sizeof local.storage;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&local.storage), &local.size) != 0) return SocketAddress();
  return local;
}

std::uint16_t SocketAddress::port() const {
  // sin_port and sin6_port stand at the same place.
  sockaddr_in name{};
  std::memcpy(&name, &storage, sizeof name);
  return ntohs(name.sin_port);
}

}  // namespace netns_lab::probe
