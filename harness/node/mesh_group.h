// Some members of a mesh, with what a round needs of each: sockets in its namespace, and the neighbour entries that are
// added to it and taken away.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/address.h"
#include "harness/model/mesh.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::node {

// How a member is reached by the others.
struct MeshLink {
  std::uint32_t index = 0;
  MacAddress mac;
};

// Of the member's link; nothing when there is no such namespace or link. Errors: kSystem.
Result<std::optional<MeshLink>> find_mesh_link(const std::string& namespace_directory, const MeshMember& member);

struct MeshNeighbour {
  IpAddress address;
  MacAddress mac;
};

class MeshGroup {
 public:
  struct Member {
    std::uint32_t number = 0;  // in the mesh
    MeshLink link;
    UniqueFd echoes;
    netlink::NetlinkSocket route;
  };
  // Opens them all. Errors: kSystem; one that is gone meanwhile, too.
  static Result<MeshGroup> open(const std::string& namespace_directory, const MeshSpec& spec,
                                const std::vector<std::optional<MeshLink>>& links,
                                const std::vector<std::uint32_t>& numbers);

  const std::vector<Member>& members() const { return members_; }
  std::vector<std::uint32_t> numbers() const;
  // Packets that did not fit into the members' queues so far.
  std::uint64_t queue_drops() const;

  // Permanent entries in every member for every one of `others` but itself, and but those for which somebody has made
  // one by hand; how many there are now. Whatever comes of it, remove_entries takes them away.
  Result<std::uint64_t> add_entries(const MeshSpec& spec, const std::vector<std::optional<MeshLink>>& links,
                                    const std::vector<std::uint32_t>& others);
  Result<void> remove_entries();
  ~MeshGroup();
  MeshGroup(MeshGroup&&) noexcept = default;
  MeshGroup& operator=(MeshGroup&&) = delete;

 private:
  MeshGroup() = default;
  Result<void> add_entries_to(std::size_t member, const std::vector<MeshNeighbour>& wanted);
  std::vector<Member> members_;
  std::vector<std::vector<IpAddress>> added_;  // by member
};

}  // namespace netns_lab::node
