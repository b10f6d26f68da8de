// A UDP or TCP echo server with a thread of its own: every datagram or byte goes back as it came (RFC 862). Gone with
// its owner.
#pragma once

#include <cstdint>
#include <memory>

#include "harness/base/error.h"
#include "harness/model/exchange.h"
#include "harness/probe/socket_factory.h"

namespace netns_lab::probe {

class EchoServer {
 public:
  // Listens on spec.address:spec.port in spec.network_namespace. Errors: kSystem with what the kernel said,
  // EADDRNOTAVAIL (no such address there) and EADDRINUSE among them; ENOENT from the factory when there is no such
  // namespace.
  static Result<EchoServer> open(const SocketFactory& factory, const ServeSpec& spec);
  EchoServer(EchoServer&&) noexcept;
  EchoServer& operator=(EchoServer&&) noexcept;
  ~EchoServer();  // closes the listener and every connection, and joins the thread

  std::uint16_t port() const;  // the one asked for, or the one the kernel chose

 private:
  struct Impl;
  explicit EchoServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace netns_lab::probe
