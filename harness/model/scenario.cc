#include "harness/model/scenario.h"

#include <utility>
#include <variant>

namespace netns_lab {

std::vector<std::string> nft_tables_of(const Topology& topology) {
  std::vector<std::string> names;
  for (const Change& change : topology.build) {
    const auto* table = std::get_if<CreateNftTable>(&change);
    if (table != nullptr && table->network_namespace.empty())
      names.push_back(nft_table_text(table->family, table->name));
  }
  return names;
}

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
