// What a new link of a kind is like on this kernel: made and looked at once, in a namespace that nobody else has, so
// that a declared link can be compared with one that nobody touched.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/link.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {

// Those seen so far: a kernel gives every new link the same. Any thread.
class NewLinks {
 public:
  // Of the kinds known here that are among `kinds`; `make` makes and reads those not seen yet.
  Result<std::vector<Link>> of_kinds(
      const std::set<std::string>& kinds,
      const std::function<Result<std::vector<Link>>(const std::set<std::string>&)>& make);

 private:
  std::mutex mutex_;
  std::set<std::string> tried_;
  std::vector<Link> seen_;
};

// One of each kind among `kinds` ("veth", "bridge", "vxlan", "tun"; others are passed over) in a namespace; `socket` is
// its. A kind that the kernel lacks is left out. What is returned keeps the TUN link.
Result<UniqueFd> make_new_links(const NetworkNamespace& network_namespace, netlink::NetlinkSocket& socket,
                                const std::set<std::string>& kinds);
bool is_new_link(const Link& link);  // by its name

}  // namespace netns_lab::node
