#include "harness/node/mesh_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "harness/netlink/link.h"
#include "harness/netlink/neighbour.h"
#include "harness/netns/netns.h"
#include "harness/probe/mesh_lane.h"

namespace netns_lab::node {
namespace {

using netlink::NetlinkSocket;
using netlink::Protocol;

Result<NetlinkSocket> route_socket(const NetworkNamespace& inside) {
  NETNS_LAB_ASSIGN(UniqueFd raw, socket_in(inside, AF_NETLINK, SOCK_RAW, static_cast<int>(Protocol::kRoute)));
  return NetlinkSocket::adopt(std::move(raw), Protocol::kRoute);
}

}  // namespace

Result<std::optional<MeshLink>> find_mesh_link(const std::string& namespace_directory, const MeshMember& member) {
  const std::optional<MeshLink> none;
  auto inside = NetworkNamespace::open(namespace_directory, member.network_namespace);
  if (!inside && (inside.error().kind == ErrorKind::kMissing || inside.error().kind == ErrorKind::kInvalid))
    return none;
  if (!inside) return tl::unexpected(std::move(inside).error());
  NETNS_LAB_ASSIGN(NetlinkSocket socket, route_socket(*inside));
  auto link = netlink::get_link(socket, netlink::LinkRef::named(member.link));
  if (!link && link.error().system_errno == ENODEV) return none;
  if (!link) return tl::unexpected(std::move(link).error());
  return std::optional<MeshLink>(MeshLink{.index = link->index, .mac = link->mac});
}

Result<MeshGroup> MeshGroup::open(const std::string& namespace_directory, const MeshSpec& spec,
                                  const std::vector<std::optional<MeshLink>>& links,
                                  const std::vector<std::uint32_t>& numbers) {
  MeshGroup group;
  group.members_.reserve(numbers.size());
  for (const std::uint32_t number : numbers) {
    const MeshMember& member = spec.members.at(number);
    NETNS_LAB_ASSIGN(const NetworkNamespace inside,
                     NetworkNamespace::open(namespace_directory, member.network_namespace));
    const auto factory = [&inside](const std::string&, int domain, int type, int protocol) {
      return socket_in(inside, domain, type, protocol);
    };
    NETNS_LAB_ASSIGN(UniqueFd echoes, probe::open_mesh_socket(factory, "", member.address.family()));
    NETNS_LAB_ASSIGN(NetlinkSocket route, route_socket(inside));
    NETNS_LAB_ASSIGN(const std::vector<Neighbour> known, netlink::list_neighbours(route));
    std::vector<IpAddress> by_hand;
    for (const Neighbour& entry : known) {
      if (entry.is_static() && !entry.is_proxy() && entry.link_index == links.at(number)->index)
        by_hand.push_back(entry.address);
    }
    group.members_.push_back({.number = number,
                              .link = *links.at(number),
                              .echoes = std::move(echoes),
                              .route = std::move(route),
                              .by_hand = std::move(by_hand)});
  }
  group.added_.resize(group.members_.size());
  return group;
}

MeshGroup::~MeshGroup() { static_cast<void>(remove_entries()); }

std::vector<std::uint32_t> MeshGroup::numbers() const {
  std::vector<std::uint32_t> all;
  for (const Member& member : members_) all.push_back(member.number);
  return all;
}

std::uint64_t MeshGroup::queue_drops() const {
  std::uint64_t all = 0;
  for (const Member& member : members_) all += probe::dropped_by(member.echoes.get());
  return all;
}

Result<std::uint64_t> MeshGroup::add_entries(const MeshSpec& spec, const std::vector<std::optional<MeshLink>>& links,
                                             const std::vector<std::uint32_t>& others) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    std::vector<netlink::Request> requests;
    for (const std::uint32_t other : others) {
      const IpAddress& address = spec.members[other].address;
      const bool is_theirs = std::find(member.by_hand.begin(), member.by_hand.end(), address) != member.by_hand.end();
      if (other == member.number || is_theirs) continue;
      requests.push_back(netlink::add_neighbour(member.link.index, address, links[other]->mac));
      added_[i].push_back(address);
    }
    count += requests.size();
    const auto done = member.route.execute_all(std::move(requests));
    if (!done) {
      Error error = done.error().error;
      error.attempted = fmt::format("give {} neighbour entries for a mesh ({})",
                                    spec.members[member.number].network_namespace, error.attempted);
      return tl::unexpected(std::move(error));
    }
  }
  return count;
}

Result<void> MeshGroup::remove_entries() {
  Result<void> all;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    std::vector<netlink::Request> requests;
    for (const IpAddress& address : std::exchange(added_[i], {}))
      requests.push_back(netlink::delete_neighbour(members_[i].link.index, address));
    const auto done = members_[i].route.execute_all(std::move(requests));
    // Gone with its link, or never added.
    const bool is_gone =
        !done && (done.error().error.system_errno == ENOENT || done.error().error.system_errno == ENODEV);
    if (!done && !is_gone && all) all = tl::unexpected(done.error().error);
  }
  return all;
}

}  // namespace netns_lab::node
