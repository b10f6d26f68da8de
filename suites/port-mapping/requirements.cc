#include "suites/port-mapping/requirements.h"

#include "suites/bridge/requirements.h"
#include "suites/common/catalogue.h"

namespace netns_lab::port_mapping {
namespace {

std::vector<Requirement> from_outside(const suites::Catalogue& of) {
  const std::vector<std::string> network = {"links-up", "addresses", "routes"};
  return {
      of.must("tcp", "RFC 5382, REQ-1; CNI portmap plugin, hostPort and containerPort, protocol tcp",
              "A TCP connection from the outside to the node's address and HOST_PORT carries data and its echo intact.",
              network, "This is what the port is published for."),
      of.must("udp", "RFC 4787, REQ-1 and REQ-8; CNI portmap plugin, hostPort and containerPort, protocol udp",
              "UDP datagrams from the outside to the node's address and HOST_PORT are echoed intact.", network,
              "TCP and UDP are mapped by rules of their own: one that works proves nothing for the other."),
      of.must("destination", "RFC 3022, 2.2 and 4.1; CNI portmap plugin, DNAT",
              "What the outside sends to HOST_PORT arrives at $CON1, addressed to its own address and CONTAINER_PORT, "
              "and at no other container.",
              network, "Another port, or another container, may answer as well, and be the wrong service."),
      of.must("source", "RFC 3022, 2.2; CNI portmap plugin, snat",
              "At $CON1 it comes from the outside's own address (SOURCE=preserved), or from the bridge's "
              "(SOURCE=masqueraded).",
              {"destination"}, "Logs, access lists and rate limits of a service are about the address that it sees."),
      of.must("answer", "RFC 3022, 2.2 and 4.1; RFC 5382, REQ-1",
              "Every answer that the outside sees comes from the node's address and HOST_PORT.", {"destination"},
              "An answer from another address than was asked belongs to no connection: it is dropped, or refused."),
  };
}

std::vector<Requirement> from_the_node(const suites::Catalogue& of) {
  const std::vector<std::string> network = {"links-up", "addresses", "routes"};
  return {
      of.must("hairpin-other", "RFC 4787, REQ-9; RFC 5382, REQ-8; CNI portmap plugin, SNAT of hairpin traffic",
              "$CON2 reaches the service by the node's address and HOST_PORT, over TCP and UDP, and is answered from "
              "there.",
              network,
              "The container answers its neighbour on the same bridge directly, unless the node made itself the "
              "sender."),
      of.must("hairpin-self", "RFC 4787, REQ-9; RFC 5382, REQ-8; CNI portmap plugin, SNAT of hairpin traffic",
              "$CON1 reaches its own service by the node's address and HOST_PORT, over TCP and UDP, and is answered "
              "from there.",
              network, "A service that is told its public address finds itself by it, as everybody else does."),
      of.must("node-itself", "CNI portmap plugin, output chain; nft(8), hook output",
              "The node reaches the service by its own uplink address and HOST_PORT, over TCP and UDP, and is answered "
              "from there.",
              network, "What the node itself sends never meets the rules for what comes in."),
      of.must("hairpin-source", "RFC 4787, REQ-9 a; CNI portmap plugin, SNAT of hairpin traffic",
              "At $CON1 these come from the bridge's address: those of $CON1 itself always, those of $CON2 with "
              "BRIDGE_NF=0 (with 1 its own will do), those of the node with SOURCE=masqueraded (else any address of "
              "the node's on the way).",
              {"hairpin-other", "hairpin-self", "node-itself"},
              "With another sender the answer goes another way than through the node."),
  };
}

std::vector<Requirement> nothing_else_mapped(const suites::Catalogue& of) {
  return {
      of.must("other-ports", "RFC 3022, 4.1; CNI portmap plugin, hostPort",
              "What the outside sends to the node's other ports, and its echo requests, arrive at no container, while "
              "what it sends to HOST_PORT does.",
              {"destination"}, "A mapping that is too wide publishes what nobody meant to publish."),
      of.must("other-addresses", "nft(8), fib daddr type; CNI portmap plugin, --dst-type LOCAL",
              "HOST_PORT of an address that is not the node's is that address's: the containers and the node reach the "
              "outside's own, and $CON1 reaches $CON2's.",
              {"routes"}, "A mapping that does not look at the address takes everybody's traffic to that port."),
      of.must("direct", "RFC 1812, 5.2.1",
              "$CON1's own address and CONTAINER_PORT work beside the mapping: for $CON2, for the node, and for the "
              "outside where it has a route, each seen there with its own address.",
              {"links-up", "addresses", "routes"}, "Containers that know each other need no published port."),
  };
}

std::vector<Requirement> how_it_carries(const suites::Catalogue& of) {
  return {
      of.must("same-ports", "RFC 4787, REQ-1; RFC 5382, REQ-1 and REQ-7",
              "Clients that send from the same port of different addresses, by turns, are each answered with what they "
              "sent: the outside, $CON2 and $CON1, over UDP and TCP.",
              {"tcp", "udp", "hairpin-other", "hairpin-self"},
              "Where sources are rewritten, two flows can look alike: then one of them gets the other's answers, or "
              "none."),
      of.must("large-datagrams", "RFC 4787, REQ-14; RFC 791, 3.2; RFC 8200, 4.5",
              "UDP datagrams of twice the MTU pass in fragments, intact: from the outside, from $CON2 and from the "
              "node.",
              {"hairpin-other", "node-itself"},
              "Only the first fragment has the port: the others get lost where they are not put together before."),
      of.must("refused", "RFC 5508, REQ-3 to REQ-5; RFC 1122, 4.1.3.3; RFC 9293, 3.10.7.1",
              "Where nothing listens at $CON1's CONTAINER_PORT, the outside, $CON2 and the node are told so at once "
              "(connection refused, TCP and UDP), by the node's address.",
              {"hairpin-other", "node-itself"},
              "An error that is not translated back is about a packet that nobody sent: the client waits instead."),
  };
}

}  // namespace

std::vector<Requirement> requirements() {
  const suites::Catalogue of("port-mapping", "CNI portmap plugin");
  std::vector<Requirement> own = bridge::settings(of, "links", "links", /*may_be_hairpins=*/true);
  suites::add(own, from_outside(of));
  suites::add(own, from_the_node(of));
  suites::add(own, nothing_else_mapped(of));
  suites::add(own, how_it_carries(of));
  std::vector<Requirement> all = of.as_declared(std::move(own), "hairpin-other");
  suites::reword(
      all, "port-mapping.no-other-packet-filters",
      "No nftables table but ip nat (IPv6: ip6 nat), no rule or policy of the old iptables but in the table "
      "of that name, no policy or state of IPsec (xfrm) and no XDP program was added, on the node or in a namespace; "
      "and that table does nothing to packets but give them another destination (dnat, redirect) or source "
      "(masquerade, snat).");
  return all;
}

}  // namespace netns_lab::port_mapping
