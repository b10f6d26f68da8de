#include "suites/common/forwarding.h"

namespace netns_lab::suites {

const char* forwarding_sysctl(Family family) {
  return family == Family::kIpv4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
}

const char* bridge_netfilter_sysctl(Family family) {
  return family == Family::kIpv4 ? "net.bridge.bridge-nf-call-iptables" : "net.bridge.bridge-nf-call-ip6tables";
}

void add_forwarding(Topology& topology, Family family) {
  topology.build.emplace_back(SetSysctl{"", forwarding_sysctl(family), "1"});
  topology.tear_down.emplace_back(SetSysctl{"", forwarding_sysctl(family), "0"});
  // Turning ip_forward off turns redirects on (inet_forward_change, net/ipv4/devinet.c); a lab's node has them off.
  if (family == Family::kIpv4)
    topology.tear_down.emplace_back(SetSysctl{"", "net.ipv4.conf.all.accept_redirects", "0"});
}

void add_bridge_netfilter(Topology& topology, Family family, bool on) {
  topology.build.emplace_back(SetSysctl{"", bridge_netfilter_sysctl(family), on ? "1" : "0"});
  topology.tear_down.emplace_back(SetSysctl{"", bridge_netfilter_sysctl(family), "0"});
}

}  // namespace netns_lab::suites
