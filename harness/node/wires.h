// The wires of a virtual machine: network devices whose other ends are other machines of the same lab, and nothing else
// (harness/lab/qemu/command_line.h; underlay_wires.h where the machines have a network that is not ours). Each lab that
// is spread over them has a VLAN of its own on them (IEEE 802.1Q), which is a port of its segment in each machine:
//
//   machine 1                                                 machine 2
//   node-1 ── eth0 (bridge, the segment) ── vlan 100 on wire ══ wire, vlan 100 ── eth0 (bridge, the segment) ── node-2
#pragma once

#include <functional>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/model/address.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {

// What a wire's device is known by: the machine it is in, and the one that it leads to (1 to 255).
MacAddress wire_mac(int own, int peer);
// Before it is raised, so that nothing goes over it that no lab sends: no link-local address, no reports of groups.
Result<void> keep_quiet(const std::string& link);

// `make` something that a lab which ended a moment ago may have still (EEXIST), until the kernel has reaped that lab's
// namespaces (cleanup_net, net/core/net_namespace.c): tried again whenever a link of the calling thread's namespace
// changes. What `make` says; kTaken, with `wanted`, when it is there still at the deadline.
Result<void> make_when_let_go(const std::function<Result<void>()>& make, const std::string& wanted, Deadline deadline);

// Called as root of the machine, in the network namespace that has its wires: raises every wire, and puts a VLAN on
// each of them into `segment`, named as the node it leads to. kMissing when the machine has no wire.
Result<void> lead_wires_into(const NetworkNamespace& segment, int vlan);

}  // namespace netns_lab::node
