// The netlink sockets that one look at a namespace needs.
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/netns/netns.h"
#include "harness/node/network_handles.h"

namespace netns_lab::node {

struct Sockets {
  netlink::NetlinkSocket* route = nullptr;
  netlink::NetlinkSocket* diagnosis = nullptr;  // null where the kernel has none
  netlink::NetlinkSocket* netfilter = nullptr;
  netlink::NetlinkSocket* xfrm = nullptr;
  netlink::NetlinkSocket* generic = nullptr;
  const NetworkHandles::GenericFamilies* families = nullptr;  // with `generic`
  bool has_ip_sets = false;                                   // asked by `netfilter`; the kernel may lack them

  netlink::NetlinkSocket*& of(netlink::Protocol protocol);
};

// Those that `handles` keeps of a namespace. Of a protocol that the kernel lacks there is none: nothing of that sort
// can be there.
Result<Sockets> sockets_of(NetworkHandles& handles, const std::string& network_namespace, bool route_alone);

// Sockets of a namespace that are open for one look, of the same protocols as `own`, the node's own: what its kernel
// lacks there it lacks everywhere. Any thread, but one at a time of those with the same buffer.
class OpenSockets {
 public:
  static Result<OpenSockets> open(const NetworkNamespace& network_namespace, Sockets own,
                                  const netlink::ReceiveBuffer& buffer);
  const Sockets& sockets() const { return sockets_; }

 private:
  std::vector<netlink::NetlinkSocket> kept_;  // never grows: the sockets stay where they are
  Sockets sockets_;
};

}  // namespace netns_lab::node
