// How this machine reaches the rest of the world.
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/address.h"

namespace netns_lab::node {

struct HostUplink {
  std::string link;               // "" : there is none
  std::vector<Prefix> addresses;  // of global scope, IPv4 first
};

// In the calling thread's network namespace: the link of the default route (IPv4 before IPv6, lowest metric first),
// else the first link that is up and has an address of global scope and is no loopback.
Result<HostUplink> find_host_uplink();

}  // namespace netns_lab::node
