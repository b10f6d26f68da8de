#include "harness/testing/bystanders.h"

#include <algorithm>
#include <variant>

namespace netns_lab {
namespace {

constexpr auto kTable = "netns-lab-bystander";

bool makes_nft_table(const Change& change) { return std::holds_alternative<CreateNftTable>(change); }

}  // namespace

std::vector<Change> bystanders_beside(const Topology& topology) {
  CreateVeth pair;
  pair.name = kBystanderLink;
  pair.peer_namespace = kBystanderNamespace;
  pair.peer_name = "eth0";
  std::vector<Change> changes = {CreateNamespace{kBystanderNamespace}, pair};
  if (std::ranges::any_of(topology.build, makes_nft_table)) {
    changes.push_back(CreateNftTable{.network_namespace = "", .family = "ip", .name = kTable, .chains = {}});
  }
  return changes;
}

}  // namespace netns_lab
