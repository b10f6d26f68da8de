// The wires of a virtual machine: network devices whose other ends are other machines of the same lab, and nothing else
// (harness/lab/qemu/command_line.h; underlay_wires.h where the machines have a network that is not ours). Each lab that
// is spread over them has a VLAN of its own on them (IEEE 802.1Q), which is a port of its segment in each machine:
//
//   machine 1                                                 machine 2
//   node-1 ── eth0 (bridge, the segment) ── vlan 100 on wire ══ wire, vlan 100 ── eth0 (bridge, the segment) ── node-2
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/model/address.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {

// What a wire's device is known by: the machine it is in, and the one that it leads to (1 to 255).
MacAddress wire_mac(int own, int peer);
// Before it is raised, so that nothing goes over it that no lab sends: no link-local address, no reports of groups.
Result<void> keep_quiet(const std::string& link);

// Called as root of the machine, in the network namespace that has its wires: raises every wire, and puts a VLAN on
// each of them into `segment`, named as the node it leads to. kMissing when the machine has no wire.
Result<void> lead_wires_into(const NetworkNamespace& segment, int vlan);

}  // namespace netns_lab::node
