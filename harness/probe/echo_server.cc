#include "harness/probe/echo_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "harness/base/unique_fd.h"
#include "harness/probe/receive_batch.h"
#include "harness/probe/signals_blocked.h"
#include "harness/probe/socket_address.h"

namespace netns_lab::probe {
namespace {

constexpr std::size_t kMostConnections = 64;
constexpr std::size_t kLargestDatagram = 65'536;

// A connection and what it was told but could not say back yet.
struct Connection {
  UniqueFd socket;
  std::vector<std::uint8_t> pending;
  bool ended = false;  // the client has said everything
};

bool would_block() { return errno == EAGAIN || errno == EINTR; }

// False when the connection is over.
bool serve(Connection& connection, std::span<std::uint8_t> buffer) {
  if (connection.pending.empty() && !connection.ended) {
    const ssize_t received = ::recv(connection.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (received < 0) return would_block();
    if (received == 0) connection.ended = true;
    connection.pending.assign(buffer.begin(), buffer.begin() + received);
  }
  if (!connection.pending.empty()) {
    const ssize_t sent = ::send(connection.socket.get(), connection.pending.data(), connection.pending.size(),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return would_block();
    connection.pending.erase(connection.pending.begin(), connection.pending.begin() + sent);
  }
  return !(connection.ended && connection.pending.empty());
}

}  // namespace

struct EchoServer::Impl {
  UniqueFd socket;
  UniqueFd stop;
  Transport transport = Transport::kUdp;
  std::uint16_t port = 0;
  std::optional<IpAddress> only_from;
  std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(kLargestDatagram);
  std::vector<Connection> connections;
  std::thread thread;

  ~Impl() {
    if (!thread.joinable()) return;
    ::eventfd_write(stop.get(), 1);
    thread.join();
  }

  bool is_welcome(const sockaddr_storage& from) const { return !only_from || address_of(from) == *only_from; }

  void serve_datagrams() {
    for (;;) {
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      const ssize_t received = ::recvfrom(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                          reinterpret_cast<sockaddr*>(&from), &size);
      // An ICMP error about an earlier answer is told once and is over.
      if (received < 0 && errno == EAGAIN) return;
      if (received < 0 || !is_welcome(from)) continue;
      ::sendto(socket.get(), buffer.data(), static_cast<std::size_t>(received), MSG_DONTWAIT | MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&from), size);
    }
  }

  void serve_streams() {
    while (connections.size() < kMostConnections) {
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      UniqueFd accepted(
          ::accept4(socket.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!accepted.valid()) break;
      if (!is_welcome(from)) continue;  // closed
      Connection connection;
      connection.socket = std::move(accepted);
      connections.push_back(std::move(connection));
    }
    std::erase_if(connections, [this](Connection& connection) { return !serve(connection, buffer); });
  }

  void run() {
    for (;;) {
      std::vector<pollfd> waits{pollfd{stop.get(), POLLIN, 0}, pollfd{socket.get(), POLLIN, 0}};
      if (connections.size() >= kMostConnections) waits[1].fd = -1;
      for (const Connection& connection : connections) {
        waits.push_back(
            pollfd{connection.socket.get(), static_cast<short>(connection.pending.empty() ? POLLIN : POLLOUT), 0});
      }
      if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
      if (waits[0].revents != 0) return;
      transport == Transport::kUdp ? serve_datagrams() : serve_streams();
    }
  }
};

Result<EchoServer> EchoServer::open(const SocketFactory& factory, const ServeSpec& spec) {
  const bool udp = spec.transport == Transport::kUdp;
  const std::string attempted = fmt::format("serve {} echo on {} port {} in namespace '{}'", udp ? "UDP" : "TCP",
                                            spec.address.to_string(), spec.port, spec.network_namespace);
  auto impl = std::make_unique<Impl>();
  impl->transport = spec.transport;
  impl->only_from = spec.only_from;
  NETNS_LAB_ASSIGN(impl->socket, factory(spec.network_namespace, address_family(spec.address.family()),
                                         udp ? SOCK_DGRAM : SOCK_STREAM, 0));
  const int fd = impl->socket.get();
  const int on = 1;
  if (!udp) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // the port of a server just gone
  const SocketAddress address = SocketAddress::of(spec.address, spec.port);
  if (::fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || ::bind(fd, address.get(), address.size) != 0 ||
      (!udp && ::listen(fd, static_cast<int>(kMostConnections)) != 0)) {
    return tl::unexpected(Error::system(attempted, errno));
  }
  impl->port = SocketAddress::local_of(fd).port();
  impl->stop = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!impl->stop.valid()) return tl::unexpected(Error::system(attempted, errno));
  try {
    const SignalsBlocked blocked;
    impl->thread = std::thread([server = impl.get()] { server->run(); });
  } catch (const std::system_error& error) {
    return tl::unexpected(Error::system(attempted, error.code().value(), "no thread to serve with"));
  }
  return EchoServer(std::move(impl));
}

EchoServer::EchoServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EchoServer::EchoServer(EchoServer&&) noexcept = default;
EchoServer& EchoServer::operator=(EchoServer&&) noexcept = default;
EchoServer::~EchoServer() = default;

std::uint16_t EchoServer::port() const { return impl_->port; }

}  // namespace netns_lab::probe
