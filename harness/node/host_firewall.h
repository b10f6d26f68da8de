// What this machine's packet filters would do to a lab's packets.
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/netlink/message.h"

namespace netns_lab::node {

// In words, what could drop or change packets of the calling thread's network namespace: "chain ip filter FORWARD has
// policy drop", "chain inet firewall input has 12 rules", "iptables table filter has 3 rules". Empty when nothing does:
// tables without base chains, and base chains without rules that accept by policy. Needs CAP_NET_ADMIN. Looks only: it
// loads no module and makes no table.
Result<std::vector<std::string>> firewall_obstacles();

// A base chain, as NFT_MSG_GETCHAIN tells of it.
struct FirewallChain {
  std::string table;  // "ip filter"
  std::string name;
  bool is_base = false;  // hooked into the packet's way
  bool drops = false;    // by policy
  unsigned rules = 0;    // of its own
  bool operator==(const FirewallChain&) const = default;
};
Result<FirewallChain> decode_chain(const netlink::MessageView& message);

}  // namespace netns_lab::node
