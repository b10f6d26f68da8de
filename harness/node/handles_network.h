// What `serve` and `capture` open, as handles of a session.
#pragma once

#include <memory>
#include <string>

#include "harness/node/handle.h"
#include "harness/probe/socket_factory.h"

namespace netns_lab::node {

struct OpenServer {
  std::unique_ptr<HandleObject> object;
  std::uint16_t port = 0;
};
Result<OpenServer> open_server(const probe::SocketFactory& factory, const ServeSpec& spec);
Result<std::unique_ptr<HandleObject>> open_capture(const probe::SocketFactory& factory,
                                                   const protocol::CaptureRequest& request);

}  // namespace netns_lab::node
