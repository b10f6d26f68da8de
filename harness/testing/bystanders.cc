#include "harness/testing/bystanders.h"

namespace netns_lab {
std::vector<Change> bystanders() {
  CreateVeth pair;
  pair.name = kBystanderLink;
  pair.peer_namespace = kBystanderNamespace;
  pair.peer_name = "eth0";
  pair.mac = MacAddress({0x02, 0x6e, 0x6c, 0, 0, 1});
  pair.peer_mac = MacAddress({0x02, 0x6e, 0x6c, 0, 0, 2});
  return {CreateNamespace{kBystanderNamespace}, pair};
}

Change bystander_table() {
  return CreateNftTable{.network_namespace = "", .family = "ip", .name = "netns-lab-bystander", .chains = {}};
}

}  // namespace netns_lab
