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
    group.members_.push_back(
        {.number = number, .link = *links.at(number), .echoes = std::move(echoes), .route = std::move(route)});
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
    std::vector<MeshNeighbour> wanted;
    for (const std::uint32_t other : others) {
      if (other != members_[i].number) wanted.push_back({spec.members[other].address, links[other]->mac});
    }
    auto done = add_entries_to(i, wanted);
    if (!done) {
      Error error = std::move(done).error();
      error.attempted = fmt::format("give {} neighbour entries for a mesh ({})",
                                    spec.members[members_[i].number].network_namespace, error.attempted);
      return tl::unexpected(std::move(error));
    }
    count += added_[i].size();
  }
  return count;
}

// Mostly there is none yet, and the kernel is asked to refuse where there is: to list them first would be a walk over
// the whole machine's table for each member (neigh_dump_table, net/core/neighbour.c).
Result<void> MeshGroup::add_entries_to(std::size_t member, const std::vector<MeshNeighbour>& wanted) {
  netlink::NetlinkSocket& route = members_[member].route;
  const std::uint32_t link = members_[member].link.index;
  std::vector<netlink::Request> requests;
  for (const MeshNeighbour& each : wanted) requests.push_back(netlink::add_new_neighbour(link, each.address, each.mac));
  NETNS_LAB_ASSIGN(const std::vector<netlink::BatchFailure> refusals, route.execute_each(std::move(requests)));
  auto refusal = refusals.begin();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (refusal != refusals.end() && refusal->request == i) {
      ++refusal;
    } else {
      added_[member].push_back(wanted[i].address);
    }
  }
  if (refusals.empty()) return {};
  NETNS_LAB_ASSIGN(const std::vector<Neighbour> known, netlink::list_neighbours(route));
  const auto is_by_hand = [&known, link](const IpAddress& address) {
    return std::any_of(known.begin(), known.end(), [&](const Neighbour& entry) {
      return entry.is_static() && !entry.is_proxy() && entry.link_index == link && entry.address == address;
    });
  };
  for (const netlink::BatchFailure& each : refusals) {
    if (each.error.system_errno != EEXIST) return tl::unexpected(each.error);
    const MeshNeighbour& learned = wanted[each.request];
    if (is_by_hand(learned.address)) continue;
    added_[member].push_back(learned.address);
    NETNS_LAB_TRY(route.execute(netlink::add_neighbour(link, learned.address, learned.mac)));
  }
  return {};
}

Result<void> MeshGroup::remove_entries() {
  Result<void> all;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    std::vector<netlink::Request> requests;
    for (const IpAddress& address : std::exchange(added_[i], {}))
      requests.push_back(netlink::delete_neighbour(members_[i].link.index, address));
    const auto refusals = members_[i].route.execute_each(std::move(requests));
    if (!refusals && all) all = tl::unexpected(refusals.error());
    if (!refusals) continue;
    for (const netlink::BatchFailure& each : *refusals) {
      // Gone with its link, or never added.
      const bool is_gone = each.error.system_errno == ENOENT || each.error.system_errno == ENODEV;
      if (!is_gone && all) all = tl::unexpected(each.error);
    }
  }
  return all;
}

}  // namespace netns_lab::node
