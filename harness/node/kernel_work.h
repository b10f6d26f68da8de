// Has the kernel done what it had put off? Two sorts of work it leaves to queues of the whole machine: putting an IPv6
// address in use (addrconf_dad_work, net/ipv6/addrconf.c), and reaping the namespaces nobody has any more (cleanup_net,
// net/core/net_namespace.c). On a machine where others keep these busy that takes seconds, and no length of a wait
// tells "not yet" from "never". So the same is asked of the kernel once more, for namespaces of our own: both queues
// are worked through in order, and what was asked before is done once ours is.
//
// Errors of both: kInternal when the kernel does not come to it by the deadline; kCancelled.
#pragma once

#include "harness/base/deadline.h"
#include "harness/base/error.h"

namespace netns_lab::node {

// Until each IPv6 address that was there at the call (and is not in duplicate address detection) is in use. The queue
// is one per processor: there is an address of ours for each that this process may run on.
Result<void> await_address_work(Deadline deadline, int cancel_fd);

// Until each namespace that nobody had any more at the call is gone with its links, and their peers elsewhere.
Result<void> await_reaping(Deadline deadline, int cancel_fd);

}  // namespace netns_lab::node
