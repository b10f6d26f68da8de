// Which network namespace a socket belongs to: names can be deleted and made anew, the identity cannot.
#pragma once

#include <sys/types.h>

#include "harness/base/error.h"

namespace netns_lab::probe {

// Device and inode of the namespace in nsfs. While a socket of it is open the inode is not given to another.
struct NamespaceIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const NamespaceIdentity&) const = default;
};

// Source: SIOCGSKNS (linux/sockios.h, since 4.9); needs CAP_NET_ADMIN over the namespace. Error: kSystem.
Result<NamespaceIdentity> identity_of_socket(int socket);

}  // namespace netns_lab::probe
