// Which network namespace a socket belongs to: names can be deleted and made anew, the identity cannot.
#pragma once

#include <cstdint>

#include "harness/base/error.h"

namespace netns_lab::probe {

// The namespace's cookie, a number the kernel never gives twice; before Linux 5.14 its inode in nsfs, which is not
// given to another while a socket of it is open.
struct NamespaceIdentity {
  std::uint64_t number = 0;
  bool operator==(const NamespaceIdentity&) const = default;
};

// Source: SO_NETNS_COOKIE (asm-generic/socket.h); else SIOCGSKNS (linux/sockios.h, since 4.9), which needs
// CAP_NET_ADMIN over the namespace. Error: kSystem.
Result<NamespaceIdentity> identity_of_socket(int socket);

}  // namespace netns_lab::probe
