// The first process of a virtual machine of ours: everything in it was put there by whoever started the machine
// (harness/lab/qemu), over whose port it serves labs.
//
//   kernel ── netns-lab agent --init ─┬─ /proc /sys /dev /run /tmp, modules, lo
//                                     ├─ the port: a greeting, then channels (harness/protocol/channels.h)
//                                     └─ labs: for each an ordinary sandbox inside the machine (guest_labs.h)
//
// It collects whoever dies without a parent, powers the machine off when the standing lab has ended, and tells
// everything else on the console.
#pragma once

namespace netns_lab::node {

// Never returns to its caller alive: when it ends, the kernel panics, and the machine with it.
int run_guest();

}  // namespace netns_lab::node
