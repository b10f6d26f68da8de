#include "harness/node/mesh_plan.h"

#include <utility>

namespace netns_lab::node {

std::array<std::vector<MeshTask>, 2> plan_mesh(std::size_t groups) {
  std::array<std::vector<MeshTask>, 2> lanes;
  for (std::size_t one = 0; one < groups; one += 2) {
    const std::size_t first = one + 2;
    const std::size_t later = first < groups ? groups - first : 0;
    for (std::size_t i = 0; i < later; ++i) {
      lanes[0].push_back({.groups = {one, first + i}, .within = false});
      lanes[1].push_back({.groups = {one + 1, first + (i + later / 2) % later}, .within = false});
    }
    MeshTask within{.groups = {one}, .within = true};
    if (one + 1 < groups) within.groups.push_back(one + 1);
    lanes.at(lanes[0].size() > lanes[1].size() ? 1 : 0).push_back(std::move(within));
  }
  return lanes;
}

}  // namespace netns_lab::node
