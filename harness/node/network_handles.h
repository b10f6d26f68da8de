// Netlink sockets and descriptors of a node's namespaces, opened once and kept.
//
// Threads: one at a time; the thread that uses it enters other namespaces for a moment (to create sockets) and comes
// back, so it must be one
//   whose namespace nobody else relies on. A second thread makes a NetworkHandles of its own.
// Trap: a socket keeps its namespace alive after its name was deleted, and with it the links inside and their peers
// here. So only the handles of
//   the node's own namespace are kept; those of named ones are for one operation: whoever runs one holds a
//   NetworkHandles::Use for its duration.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/look_size.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/netns/netns.h"
#include "harness/node/sysctl_reader.h"

namespace netns_lab::node {

// By which a namespace is asked; a kernel may lack all but the first.
inline constexpr std::array kAllProtocols = {netlink::Protocol::kRoute, netlink::Protocol::kSocketDiagnosis,
                                             netlink::Protocol::kNetfilter, netlink::Protocol::kXfrm,
                                             netlink::Protocol::kGeneric};
static_assert(kDescriptorsOfEach == 1 + kAllProtocols.size());

class NetworkHandles {
 public:
  // The calling thread's namespace becomes the node's own (""). `namespace_directory`: where named ones are mounted.
  static Result<NetworkHandles> create(std::string namespace_directory = "/run/netns");
  NetworkHandles(NetworkHandles&&) noexcept;
  NetworkHandles& operator=(NetworkHandles&&) noexcept;
  ~NetworkHandles();

  // Lets go of all handles of named namespaces when the outermost Use ends.
  class Use {
   public:
    explicit Use(NetworkHandles& handles);
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use();

   private:
    NetworkHandles& handles_;
  };

  const std::string& namespace_directory() const;
  // "" is the node's own. ENOENT for a name that is not there, kInvalid for an impossible one. Valid until the Use
  // ends.
  Result<netlink::NetlinkSocket*> socket(const std::string& network_namespace,
                                         netlink::Protocol protocol = netlink::Protocol::kRoute);
  // Opens the sockets of all protocols that the kernel has, in one visit.
  Result<void> open_sockets(const std::string& network_namespace);
  SysctlReader& sysctl_reader();
  // Families of generic netlink, asked for once: their numbers are the same in every namespace.
  struct GenericFamilies {
    std::optional<std::uint16_t> ethtool;  // none: the kernel lacks it
    std::optional<std::uint16_t> mptcp;
    std::vector<std::string> features;  // netlink/offload.h
  };
  // `socket` is of Protocol::kGeneric, of any namespace.
  Result<const GenericFamilies*> generic_families(netlink::NetlinkSocket& socket);
  Result<const NetworkNamespace*> network_namespace(const std::string& name);
  // The index of a link, asked once in a Use.
  Result<std::uint32_t> link_index(const std::string& network_namespace, const std::string& link);
  // The name of a link; "" when there is none with this index.
  Result<std::string> link_name(const std::string& network_namespace, std::uint32_t index);
  void remember_link(const std::string& network_namespace, const std::string& link, std::uint32_t index);
  void forget_links();  // all of them: something was deleted, renamed or moved
  // The namespace was deleted or made anew: drop what is held of it.
  void forget(const std::string& network_namespace);
  // Makes a new namespace under the name, with its handles.
  Result<void> create_namespace(const std::string& name);
  // Keeps a namespace that nobody needs any more until the next one comes, or to the end. The kernel reaps namespaces
  // one batch after the other (cleanup_net, net/core/net_namespace.c), 20 ms and more each: whoever waits for a
  // deletion just then waits for that batch too.
  void keep_a_while(NetworkNamespace done_with);

 private:
  class State;
  explicit NetworkHandles(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace netns_lab::node
