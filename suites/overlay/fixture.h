// What the cases of part 4 share beyond part 3's: the tunnel, and what it looks like on the underlay.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "harness/conformance/encapsulation.h"
#include "suites/multi-node/fixture.h"
#include "suites/overlay/scenario.h"

namespace netns_lab {
inline void PrintTo(const VxlanSettings& settings, std::ostream* out) { *out << to_string(settings); }
}  // namespace netns_lab

namespace netns_lab::overlay {

class Overlay : public multi_node::MultiNode {
 protected:
  // What is declared of a node's end of the tunnel.
  const CreateVxlan* vxlan(std::size_t node) const;  // nullptr: it is a relayed TUN link
  const CreateTunRelay* relay(std::size_t node) const;
  bool is_vxlan() const { return vxlan(0) != nullptr; }
  std::uint16_t tunnel_port() const;
  Prefix tunnel_address(std::size_t node) const;

  std::string link_across() const override { return is_vxlan() ? kVxlanLink : kTunLink; }
  IpAddress address_across(std::size_t node) const override { return tunnel_address(node).address; }
  std::uint32_t link_mtu_across() override { return uplink_mtu() - overhead(is_vxlan(), family()); }

  // The node's end of the tunnel in after(); nullptr when there is none.
  const Link* tunnel_link(std::size_t node);
  // A neighbour of the node on its segment: the router.
  IpAddress router(std::size_t node);

  // From a node to an address of the other one's side, out of the uplink as it is.
  Passage over_the_underlay(std::size_t from, const IpAddress& destination);
  // Packets that passed the two nodes' uplinks while these echoes were sent.
  struct OnTheUnderlay {
    std::vector<Passage> passages;
    std::vector<EchoReport> reports;                     // one each
    std::array<std::vector<UnderlayPacket>, 2> packets;  // of each node's uplink
  };
  OnTheUnderlay look_at_underlay(std::vector<Passage> passages, std::uint32_t payload, bool dont_fragment);
  // How one of them must look at that node's uplink.
  Encapsulation wanted_at(std::size_t node, const Passage& passage);
  std::string uplink_text(std::size_t node) const;  // "node-1's eth0"

  // The judgement's findings about each passage at both uplinks are none.
  using Judge = std::vector<std::string> (*)(const std::vector<UnderlayPacket>&, const EchoReport&,
                                             const Encapsulation&);
  void expect_on_the_underlay(const OnTheUnderlay& seen, Judge judge);
};

// What contradicts "the link is set so"; "learning" of `other` as declared, the rest as the kernel makes a VXLAN link.
std::vector<std::string> vxlan_findings(const VxlanSettings& seen, const CreateVxlan& declared, std::uint32_t uplink);

}  // namespace netns_lab::overlay
