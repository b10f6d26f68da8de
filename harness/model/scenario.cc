#include "harness/model/scenario.h"

#include <utility>

namespace netns_lab {

Result<std::vector<Topology>> Scenario::topologies(const Parameters& values, Family family) const {
  std::vector<Topology> all;
  NETNS_LAB_ASSIGN(Topology first, topology(values, family));
  all.push_back(std::move(first));
  for (const auto& further : further_nodes) {
    NETNS_LAB_ASSIGN(Topology one, further(values, family));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace netns_lab
