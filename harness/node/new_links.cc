#include "harness/node/new_links.h"

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <linux/if_tun.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "harness/netlink/link.h"
#include "harness/netlink/vxlan.h"

namespace netns_lab::node {
namespace {

constexpr auto kPrefix = "new-";

netlink::Request new_vxlan() {
  netlink::VxlanSpec spec;
  spec.name = "new-vxlan";
  spec.vni = 1;
  spec.port = 4789;
  spec.local = IpAddress::v4(127, 0, 0, 1);
  return netlink::create_vxlan(spec);
}

Result<void> make(netlink::NetlinkSocket& socket, netlink::Request request) {
  auto made = socket.exchange(std::move(request));
  if (made || made.error().system_errno == EOPNOTSUPP) return {};  // a kernel without the kind
  return tl::unexpected(std::move(made).error());
}

// Nothing where no such device may be had.
UniqueFd make_tun(const NetworkNamespace& network_namespace) {
  auto device = open_in(network_namespace, "/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (!device) return {};
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, "new-tun", sizeof request.ifr_name - 1);
  if (::ioctl(device->get(), TUNSETIFF, &request) != 0) return {};
  return std::move(*device);
}

}  // namespace

Result<std::vector<Link>> NewLinks::of_kinds(
    const std::set<std::string>& kinds,
    const std::function<Result<std::vector<Link>>(const std::set<std::string>&)>& make) {
  const std::scoped_lock lock(mutex_);
  std::set<std::string> missing;
  std::set_difference(kinds.begin(), kinds.end(), tried_.begin(), tried_.end(), std::inserter(missing, missing.end()));
  missing.erase("");  // hardware, and lo
  if (!missing.empty()) {
    NETNS_LAB_ASSIGN(std::vector<Link> made, make(missing));
    for (Link& link : made) seen_.push_back(std::move(link));
    tried_.insert(missing.begin(), missing.end());
  }
  std::vector<Link> links;
  for (const Link& link : seen_) {
    if (kinds.count(link.kind) != 0) links.push_back(link);
  }
  return links;
}

Result<UniqueFd> make_new_links(const NetworkNamespace& network_namespace, netlink::NetlinkSocket& socket,
                                const std::set<std::string>& kinds) {
  if (kinds.count("veth") != 0) NETNS_LAB_TRY(make(socket, netlink::create_link("new-veth", "veth")));
  if (kinds.count("bridge") != 0) NETNS_LAB_TRY(make(socket, netlink::create_link("new-bridge", "bridge")));
  if (kinds.count("vxlan") != 0) NETNS_LAB_TRY(make(socket, new_vxlan()));
  return kinds.count("tun") != 0 ? make_tun(network_namespace) : UniqueFd();
}

bool is_new_link(const Link& link) { return link.name.rfind(kPrefix, 0) == 0; }

}  // namespace netns_lab::node
