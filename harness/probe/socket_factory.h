// How probes get their sockets, and how somebody stops them. A socket belongs for ever to the network namespace it was
// created in, so whoever knows the namespaces (the agent, by netns) hands in a function that enters one, creates the
// socket and comes back.
#pragma once

#include <functional>
#include <string>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::probe {

// Creates a socket (close-on-exec) in the named network namespace; "" is the node's own. `domain`, `type`, `protocol`
// as socket(2) takes them. An error with ENOENT means that there is no such namespace: probes report that as an
// observation about the subject, not as their own failure.
using SocketFactory =
    std::function<Result<UniqueFd>(const std::string& network_namespace, int domain, int type, int protocol)>;

// A descriptor that becomes readable (an eventfd, the read end of a pipe) when the probe is to stop; -1: it cannot be
// stopped. It is never read.
struct Cancel {
  int fd = -1;
};

}  // namespace netns_lab::probe
