// What this machine can do, found out by doing it: `netns-lab doctor`.
#pragma once

#include <string>
#include <vector>

namespace netns_lab::node {

struct Capability {
  std::string name;  // "user namespaces"
  bool ok = false;
  bool required = false;   // of the sandbox: without it nothing can be judged here
  std::string needed_for;  // "every sandbox", "targets that use nft"
  std::string seen;        // what came back: "unshare: EPERM (Operation not permitted)"
  std::string remedy;      // the command that mends it; "" when ok
  bool operator==(const Capability&) const = default;
};

// Every probe runs in a child process of its own, in throw-away namespaces: nothing is changed here. In a fixed order.
std::vector<Capability> probe_capabilities();

}  // namespace netns_lab::node
