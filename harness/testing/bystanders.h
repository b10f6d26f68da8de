// What others have on a node beside the network under test, and a target that clears the place first would take from
// them: a namespace, a veth pair whose end on the node is down, and an nftables table.
#pragma once

#include <vector>

#include "harness/model/change.h"

namespace netns_lab {

// Names that no parameter of a scenario can take.
inline constexpr auto kBystanderNamespace = "netns-lab-bystander";
inline constexpr auto kBystanderLink = "vethbystander";

// Make them; without addresses or rules, so that no packet of the scenario's goes another way.
std::vector<Change> bystanders();
Change bystander_table();  // by the program nft

}  // namespace netns_lab
