#include "harness/base/socket_pair.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace netns_lab {

Result<std::pair<UniqueFd, UniqueFd>> socket_pair(int type, std::string attempted) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return tl::unexpected(Error::system(std::move(attempted), errno));
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

}  // namespace netns_lab
