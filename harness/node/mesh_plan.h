// Which groups of a mesh's members are asked when, and by which of two lanes that work side by side.
//
// Groups 0, 1, 2, … For each two neighbours (a, b) of them: one lane keeps a and goes over all later groups with it,
// the other keeps b and goes over the same, half of them ahead, so that they seldom want the same one; then one of the
// lanes has a and b ask within both. So a group's sockets are opened once and kept for many tasks. Of four groups:
//
//   lane 0:  0 with 2   0 with 3   within 0 and 1
//   lane 1:  1 with 3   1 with 2   within 2 and 3
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace netns_lab::node {

// What one lane does in a round: two groups that ask each other, or one or two that ask within all that they have.
struct MeshTask {
  std::vector<std::size_t> groups;
  bool within = false;
  bool operator==(const MeshTask&) const = default;
};

// The tasks of each lane, in order; round N is the N-th of each, and a lane may have one more than the other. Every
// two groups are together in one task, every group in one that asks within it. Tasks of the same round seldom have a
// group in common, and of rounds next to each other.
std::array<std::vector<MeshTask>, 2> plan_mesh(std::size_t groups);

}  // namespace netns_lab::node
