// A network written down as it is drawn, a line a piece: the topology follows from it, in an order in which the kernel
// takes it.
//
//   Layout net;
//   net.pair({.link = "red0", .bridge = "left"}, {"red", "eth0", host_in(subnet, 2), host_in(subnet, 1).address});
//   return net.topology();
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/model/scenario.h"

namespace netns_lab::suites {

// Changes as they are mostly needed.
SetLink raised(const std::string& network_namespace, const std::string& link);
AddAddress address_on(const std::string& network_namespace, const std::string& link, const Prefix& prefix);
// By that gateway, or, without one, on the link itself.
AddRoute route_by(const std::string& network_namespace, const Prefix& destination, const std::string& link,
                  const std::optional<IpAddress>& gateway);

class Layout {
 public:
  struct End {                           // of a pair
    std::string network_namespace{};     // "" is the node's own
    std::string link{};                  // its name there
    std::optional<Prefix> address{};     // it has this one
    std::optional<IpAddress> gateway{};  // of the namespace's default route, in the address's subnet
    std::string bridge{};                // it is a port of that bridge, in the same namespace; "" of none
  };

  // A veth pair. Namespaces, and bridges on the node, are made as ends name them.
  void pair(End one, End other);
  // A further address, such as a bridge's.
  void address(const std::string& network_namespace, const std::string& link, const Prefix& prefix);
  // The namespace ("": the node) passes on packets of that family that are for others.
  void forwarding(const std::string& network_namespace, Family family);

  // A table of nftables of the node's.
  void nft_table(const std::string& family, const std::string& name, std::vector<NftChain> chains);

  // An attachment for each end with an address in a namespace, in the order of the pairs. kInvalid when the subnets of
  // two ends in one namespace overlap, or a gateway is not another address of its end's subnet: by the parameters that
  // is what somebody asked for.
  Result<Topology> topology() const;

 private:
  std::vector<const End*> ends() const;
  Result<void> check() const;
  void add_attachments(Topology& topology) const;
  void add_names(Topology& topology, std::vector<std::string>& bridges) const;

  std::vector<std::pair<End, End>> pairs_;
  std::vector<Change> settings_;
  std::vector<Change> addresses_;
  std::vector<CreateNftTable> nft_tables_;
};

}  // namespace netns_lab::suites
