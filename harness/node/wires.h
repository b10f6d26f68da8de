// The wires of a virtual machine: network devices whose other ends are other machines of the same lab, and nothing else
// (harness/lab/qemu/command_line.h). Each lab that is spread over them has a VLAN of its own on them (IEEE 802.1Q),
// which is a port of its segment in each machine:
//
//   machine 1                                                 machine 2
//   node-1 ── eth0 (bridge, the segment) ── vlan 100 on wire ══ wire, vlan 100 ── eth0 (bridge, the segment) ── node-2
#pragma once

#include "harness/base/error.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {

// Called as root of the machine, in its own network namespace: raises every wire, and puts a VLAN on each of them into
// `segment`, as "to-node-N". kMissing when the machine has no wire.
Result<void> lead_wires_into(const NetworkNamespace& segment, int vlan);

}  // namespace netns_lab::node
