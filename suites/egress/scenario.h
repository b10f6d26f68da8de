// Egress: the containers of part 2 reach the outside by their node, which gives their packets its own address.
//
//   namespace $CON1               node                                        outside
//   veth11 $IP1/24 -- veth10 --+-- br0 $BRIDGE_IP/24   eth0 $NODE_IP ----------- eth0
//   veth21 $IP2/24 -- veth20 --+      forwards, and masquerades $IP1's subnet there
//   namespace $CON2
//
// In IPv6 the same with addresses of 64-bit subnets (docs/scenarios/egress.md).
#pragma once

#include <string>

#include "suites/bridge/scenario.h"

namespace netns_lab::egress {

// The nft table that masquerades, as $NFT_TABLE says it: its name ("nat"; then its family is the run's), or family and
// name ("inet egress"). kInvalid for what can be neither.
struct TableName {
  std::string family;  // "ip", "ip6", "inet"
  std::string name;
};
Result<TableName> table_name(const Parameters& parameters, Family family);

Scenario scenario();

}  // namespace netns_lab::egress
