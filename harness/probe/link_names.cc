#include "harness/probe/link_names.h"

#include <fmt/format.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

namespace netns_lab::probe {

const std::string& LinkNames::name(int index) {
  const auto [entry, is_new] = names_.try_emplace(index);
  if (is_new) {
    ifreq request{};
    request.ifr_ifindex = index;
    entry->second =
        ::ioctl(socket_, SIOCGIFNAME, &request) == 0 ? std::string(request.ifr_name) : fmt::format("link {}", index);
  }
  return entry->second;
}

Result<int> LinkNames::index(const std::string& name) const {
  const std::string attempted = fmt::format("look up link '{}'", name);
  if (name.empty() || name.size() >= IFNAMSIZ) return tl::unexpected(Error::system(attempted, ENODEV));
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (::ioctl(socket_, SIOCGIFINDEX, &request) != 0) return tl::unexpected(Error::system(attempted, errno));
  return request.ifr_ifindex;
}

}  // namespace netns_lab::probe
