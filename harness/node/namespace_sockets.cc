#include "harness/node/namespace_sockets.h"

#include <utility>

#include "harness/netlink/ip_set.h"

namespace netns_lab::node {

using netlink::NetlinkSocket;
using netlink::Protocol;

NetlinkSocket*& Sockets::of(Protocol protocol) {
  switch (protocol) {
    case Protocol::kRoute:
      break;
    case Protocol::kSocketDiagnosis:
      return diagnosis;
    case Protocol::kNetfilter:
      return netfilter;
    case Protocol::kXfrm:
      return xfrm;
    case Protocol::kGeneric:
      return generic;
  }
  return route;
}

Result<Sockets> sockets_of(NetworkHandles& handles, const std::string& network_namespace, bool route_alone) {
  if (!route_alone) NETNS_LAB_TRY(handles.open_sockets(network_namespace));
  Sockets sockets;
  NETNS_LAB_ASSIGN(sockets.route, handles.socket(network_namespace, Protocol::kRoute));
  if (route_alone) return sockets;
  for (const Protocol protocol : kAllProtocols) {
    if (auto socket = handles.socket(network_namespace, protocol)) sockets.of(protocol) = *socket;
  }
  sockets.has_ip_sets = sockets.netfilter != nullptr && netlink::kernel_has_ip_sets();
  if (sockets.generic != nullptr) {
    NETNS_LAB_ASSIGN(sockets.families, handles.generic_families(*sockets.generic));
  }
  return sockets;
}

Result<OpenSockets> OpenSockets::open(const NetworkNamespace& network_namespace, Sockets own,
                                      const netlink::ReceiveBuffer& buffer) {
  OpenSockets opened;
  opened.kept_.reserve(kAllProtocols.size());
  NETNS_LAB_TRY(within(network_namespace, [&]() -> Result<void> {
    for (const Protocol protocol : kAllProtocols) {
      if (own.of(protocol) == nullptr) continue;
      NETNS_LAB_ASSIGN(UniqueFd raw, netlink::open_raw(protocol));
      NETNS_LAB_ASSIGN(NetlinkSocket made, NetlinkSocket::adopt(std::move(raw), protocol, buffer));
      opened.kept_.push_back(std::move(made));
      opened.sockets_.of(protocol) = &opened.kept_.back();
    }
    return {};
  }));
  opened.sockets_.families = own.families;
  opened.sockets_.has_ip_sets = own.has_ip_sets;
  return opened;
}

}  // namespace netns_lab::node
