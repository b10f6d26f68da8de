// Echoes one after the other, each when the one before is over, in one or more lanes (processor_lanes.h): for requests
// whose way leads over a broadcast to many ports, two of which do not fit into a processor's backlog.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/echo.h"
#include "harness/probe/prober.h"
#include "harness/probe/socket_factory.h"

namespace netns_lab::probe {

// A report for each, in order; no more lanes than there are processors. Once three have had their full time without an
// answer it is known that the network does not answer, and what follows has 50 ms. Errors: those of Prober::echo.
Result<std::vector<EchoReport>> echo_in_lanes(const SocketFactory& factory, std::span<const EchoSpec> specs,
                                              std::size_t lanes, Cancel cancel = {});

}  // namespace netns_lab::probe
