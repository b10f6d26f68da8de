#include "harness/probe/local_source.h"

#include <sys/socket.h>

#include "harness/probe/link_names.h"
#include "harness/probe/receive_batch.h"
#include "harness/probe/socket_address.h"

namespace netns_lab::probe {

std::optional<IpAddress> local_source(const SocketFactory& factory, const EchoSpec& spec) {
  constexpr std::uint16_t kDiscardPort = 9;  // any but 0: nothing is sent
  const auto socket = factory(spec.network_namespace, address_family(spec.destination.family()), SOCK_DGRAM, 0);
  if (!socket) return std::nullopt;
  int scope = 0;
  if (!spec.link.empty()) {
    scope = LinkNames(socket->get()).index(spec.link).value_or(0);
    if (::setsockopt(socket->get(), SOL_SOCKET, SO_BINDTODEVICE, spec.link.data(),
                     static_cast<socklen_t>(spec.link.size())) != 0) {
      return std::nullopt;
    }
  }
  const SocketAddress destination = SocketAddress::of(spec.destination, kDiscardPort, scope);
  if (::connect(socket->get(), destination.get(), destination.size) != 0) return std::nullopt;
  return address_of(SocketAddress::local_of(socket->get()).storage);
}

}  // namespace netns_lab::probe
