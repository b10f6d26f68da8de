#include "harness/probe/namespace_identity.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/sockios.h>

#include <cerrno>

#include "harness/base/unique_fd.h"

namespace netns_lab::probe {

Result<NamespaceIdentity> identity_of_socket(int socket) {
#ifdef SO_NETNS_COOKIE
  NamespaceIdentity identity;
  socklen_t size = sizeof identity.number;
  if (::getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &identity.number, &size) == 0) return identity;
#endif
  const UniqueFd name_space(::ioctl(socket, SIOCGSKNS));
  struct stat status {};
  if (!name_space.valid() || ::fstat(name_space.get(), &status) != 0) {
    return tl::unexpected(Error::system("ask which namespace a socket belongs to", errno));
  }
  return NamespaceIdentity{status.st_ino};
}

}  // namespace netns_lab::probe
