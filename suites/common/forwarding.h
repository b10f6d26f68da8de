// A node that passes on packets, as scenarios declare it.
#pragma once

#include "harness/model/scenario.h"

namespace netns_lab::suites {

const char* forwarding_sysctl(Family family);  // "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"
const char* bridge_netfilter_sysctl(
    Family family);  // "net.bridge.bridge-nf-call-iptables": bridged packets are filtered

// Changes of the node's own namespace, and what puts back what a lab's node has (harness/node/sandbox_sysctl.cc: 0).
void add_forwarding(Topology& topology, Family family);
void add_bridge_netfilter(Topology& topology, Family family, bool on);

}  // namespace netns_lab::suites
