// Which of its addresses a namespace would send from: asked of the kernel by connecting a UDP socket, which sends
// nothing.
#pragma once

#include <optional>

#include "harness/model/echo.h"
#include "harness/probe/socket_factory.h"

namespace netns_lab::probe {

// Nothing when the kernel would not send at all (no route).
std::optional<IpAddress> local_source(const SocketFactory& factory, const EchoSpec& spec);

}  // namespace netns_lab::probe
