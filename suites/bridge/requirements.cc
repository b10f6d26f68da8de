#include "suites/bridge/requirements.h"

#include <utility>

#include "suites/common/catalogue.h"

namespace netns_lab::bridge {
namespace {

suites::Catalogue catalogue() { return {"bridge", "tutorial part 2"}; }

std::vector<Requirement> existence(const suites::Catalogue& of) {
  return {
      of.must("build", "tutorial part 2, all steps", "The target reports that it built the network.", {},
              "A target that fails half-way leaves a network that nobody can rely on, whatever happens to work in it."),
      of.must("namespaces", "tutorial part 2, creating the namespaces; ip-netns(8)",
              "/run/netns/$CON1 and /run/netns/$CON2 exist, and each is a mount of a network namespace (nsfs).", {},
              "A plain file with that name looks like a namespace in a listing, but nothing can enter it."),
      of.must("namespaces-distinct", "tutorial part 2, creating the namespaces; network_namespaces(7)",
              "$CON1, $CON2 and the node have a network namespace each.", {"namespaces"},
              "Two names of one namespace isolate nothing: the containers would see and change each other's network."),
      of.must("namespaces-one-name", "tutorial part 2, creating the namespaces; ip-netns(8)",
              "Each of the two namespaces has exactly one name, mounted once.", {"namespaces"},
              "Every further name or stacked mount keeps a namespace alive after it was deleted."),
      of.must("bridge", "tutorial part 2, creating the bridge; ip-link(8), bridge",
              "br0 exists in the node's own namespace and is a bridge.", {},
              "Without the bridge the two pairs end on the node and join nothing."),
      of.must("host-links", "tutorial part 2, creating the pairs; veth(4)",
              "veth10 and veth20 exist in the node's own namespace and are veth devices.", {},
              "Without its end of a pair the node has no way into that namespace."),
      of.must("container-links", "tutorial part 2, adding the pairs to the namespaces; veth(4)",
              "veth11 exists in $CON1 and veth21 in $CON2, and they are veth devices.", {"namespaces"},
              "An end that was not moved stays in the node, and the namespace has no link to the outside."),
      of.must(
          "pairs", "tutorial part 2, creating the pairs; veth(4)",
          "veth10 and veth11, and veth20 and veth21, are each other's peer: those of the node's ends are in $CON1 and "
          "$CON2, theirs on the node.",
          {"host-links", "container-links"},
          "With the pairs crossed each namespace has the other's port, and whoever counts or limits by port does so "
          "for the wrong container."),
      of.must("ports", "tutorial part 2, adding the pairs to the bridge; ip-link(8), master",
              "br0's ports are veth10 and veth20, and nothing else.", {"bridge", "host-links"},
              "A pair that is not enslaved ends on the node; a further port is a further machine on the containers' "
              "network."),
  };
}

std::vector<Requirement> links(const suites::Catalogue& of) {
  return {
      of.must("bridge-up", "tutorial part 2, enabling the bridge; RFC 2863, 3.1.13",
              "br0 is administratively up, its operational state is UP and it has carrier.", {"bridge"},
              "A bridge that is down forwards nothing between its ports, and takes nothing in for the node."),
      of.must("host-links-up", "tutorial part 2, enabling the pairs; RFC 2863, 3.1.13",
              "veth10 and veth20 are administratively up, their operational state is UP and they have carrier.",
              {"host-links"}, "A port that is down is disabled: its container is cut off."),
      of.must("container-links-up", "tutorial part 2, enabling the interfaces inside; RFC 2863, 3.1.13",
              "veth11 and veth21 are administratively up, their operational state is UP and they have carrier.",
              {"container-links"},
              "A link that is down drops every packet; with one end up and the other down there is no carrier."),
      of.must("port-state", "IEEE 802.1D, 8.4; tutorial part 2, enabling the pairs",
              "veth10 and veth20 are in the state forwarding.", {"ports", "host-links-up", "bridge-up"},
              "A port that listens, learns or blocks lets no packet through, though it is up."),
      of.must("bridge-flags", "tutorial part 2, creating and enabling the bridge; netdevice(7)",
              "br0 has exactly the flags BROADCAST, MULTICAST, UP, RUNNING, LOWER_UP and is no port itself.",
              {"bridge-up"},
              "NOARP stops neighbour resolution between containers and node, PROMISC has the node take in what was for "
              "others."),
      of.must("host-links-flags", "tutorial part 2, creating and enabling the pairs; netdevice(7)",
              "veth10 and veth20 have exactly the flags BROADCAST, MULTICAST, UP, RUNNING, LOWER_UP.",
              {"host-links-up"}, "PROMISC or ALLMULTI, set by hand, stay when the port leaves the bridge."),
      of.must("container-links-flags", "tutorial part 2, adding the pairs to the namespaces; netdevice(7)",
              "veth11 and veth21 have exactly the flags BROADCAST, MULTICAST, UP, RUNNING, LOWER_UP and belong to no "
              "bridge.",
              {"container-links-up"},
              "NOARP stops neighbour resolution, PROMISC lets foreign packets in, a master takes the packets away from "
              "the routing table."),
      of.must("loopbacks-up", "tutorial part 2, setting the loopbacks up; RFC 1122, 3.2.1.3",
              "lo inside each namespace is up and has carrier.", {"namespaces"},
              "Programs that talk to 127.0.0.1, or to the container's own address, get no answer while lo is down."),
      of.must(
          "mtu", "tutorial part 2, creating the pairs; RFC 894; ip-link(8), bridge",
          "br0, veth10, veth11, veth20 and veth21 have the same MTU: that of the parameter, 1500 bytes.",
          {"bridge", "host-links", "container-links"},
          "A bridge sends no ICMP error for what does not fit a port, it drops it: small pings pass, transfers hang."),
      of.must("macs", "tutorial part 2, creating the pairs; IEEE 802, 8.2",
              "veth10, veth11, veth20 and veth21 have different unicast MAC addresses, and br0 has none of the "
              "namespaces'.",
              {"bridge", "host-links", "container-links"},
              "Of two machines with one MAC address the bridge can know only the one that spoke last."),
  };
}

std::vector<Requirement> addresses_and_routes(const suites::Catalogue& of) {
  return {
      of.must("bridge-address", "tutorial part 2, assigning the address to the bridge; rtnetlink(7)",
              "br0 has exactly the declared address with prefix length 24 (IPv6: 64), global scope, unlimited lifetime "
              "and no unusual flags.",
              {"bridge"}, "It is the containers' gateway: without it they reach each other and nothing else."),
      of.must("container-addresses", "tutorial part 2, configuring the interfaces inside; rtnetlink(7)",
              "veth11 and veth21 have exactly the declared addresses with prefix length 24 (IPv6: 64), global scope, "
              "unlimited lifetime and no unusual flags.",
              {"container-links"},
              "A longer prefix sends packets for the other container to the gateway; a shorter one has the container "
              "look for the world on its own link."),
      of.must("ports-without-address", "tutorial part 2 (the bridge has the address, its ports have none)",
              "veth10 and veth20 have no address but what the kernel makes.", {"host-links"},
              "An address on a port answers nobody: what comes in there is the bridge's. But it brings a route along."),
      of.must(
          "connected-routes", "tutorial part 2, assigning the addresses; ip-route(8), proto kernel",
          "The node, out of br0, and each namespace, out of its own link, have exactly the route to the subnet that "
          "their address brought along.",
          {"bridge", "container-links"},
          "Without it packets for a neighbour on the same link go to the gateway, or nowhere."),
      of.must("default-routes", "tutorial part 2, setting the default routes; ip-route(8)",
              "Each namespace has exactly one default route: via the bridge's address, out of its own link.",
              {"container-links"},
              "Without it a container reaches nothing but its subnet; with two of them the kernel may choose the wrong "
              "one."),
      of.must(
          "node-to-containers-chosen", "tutorial part 2, assigning the address to the bridge; RFC 1812, 5.2.4.3",
          "The node's kernel chooses br0, and the bridge's address as source, for packets to each container, which is "
          "on the link itself.",
          {"bridge"}, "A routing rule, another table or a better route can overrule the one that `ip route` shows."),
      of.must(
          "gateway-chosen", "tutorial part 2, setting the default routes; RFC 1812, 5.2.4.3",
          "Each namespace's kernel sends packets to the node's own address via the bridge's, out of its own link and "
          "from its own address.",
          {"container-links"},
          "Requests that arrive and replies that leave by another way, or from another address, look like packet "
          "loss."),
      of.must(
          "neighbour-chosen", "tutorial part 2, configuring the interfaces inside; RFC 1122, 3.3.1.1",
          "Each namespace's kernel sends packets to the other container, and to the bridge's address, without a "
          "gateway, out of its own link and from its own address.",
          {"container-links"},
          "A route via the gateway makes the node a router between two machines on one link: one hop more, redirects, "
          "and nothing at all while the node does not forward."),
  };
}

std::vector<Requirement> no_other_forwarding(const suites::Catalogue& of) {
  return {
      of.must("no-other-forwarding",
              "tutorial part 2 (closed world: what is not declared is not there); bridge(8), fdb",
              "No entry of a bridge's forwarding database was made by hand: they are learned, or the links' own.", {},
              "A static entry sends a container's packets to a port where it may no longer be, for ever; one of the "
              "node's own has the node swallow them."),
  };
}

std::vector<Requirement> reachability(const suites::Catalogue& of) {
  const std::vector<std::string> ends = {"bridge-up", "host-links-up", "container-links-up"};
  const auto why_size =
      "Small packets pass and large ones do not: a connection opens and then hangs at its first full segment.";
  return {
      of.must("truth-table", "tutorial part 2, checks",
              "Each of {the node, $CON1, $CON2} reaches each of {the node's address, the bridge's, $IP1, $IP2}: twelve "
              "pairs, every request seen arriving at the interface where that address is, every one answered once.",
              {}, "One ping that passes says nothing of the other eleven."),
      of.must(
          "node-to-containers", "tutorial part 2, checks; RFC 1122, 3.2.2.6; RFC 4443, 4",
          "Every echo request from the node arrives at each container from the bridge's address with TTL 64 and its "
          "payload intact, and is answered once.",
          ends, "This is how the node speaks to what runs on it."),
      of.must("containers-to-node", "tutorial part 2, checks; RFC 1122, 3.2.2.6; RFC 4443, 4",
              "Every echo request from each container to the node's uplink address arrives at br0 from the container's "
              "address with TTL 64 and its payload intact, and is answered once.",
              ends, "The node's own address is not on the containers' link: only the default route leads to it."),
      of.must(
          "containers-to-bridge", "tutorial part 2, checks; RFC 1122, 3.2.2.6; RFC 4443, 4",
          "Every echo request from each container to the bridge's address arrives at br0 from the container's address "
          "with TTL 64 and its payload intact, and is answered once.",
          ends, "A gateway that cannot be reached forwards nothing."),
      of.must(
          "container-to-container", "tutorial part 2, checks; IEEE 802.1D, 7; RFC 1122, 3.3.1.1",
          "Every echo request from each container to the other arrives there from its address with TTL 64 (bridged, "
          "not routed) and its payload intact, and is answered once.",
          ends, "This is what the bridge is for."),
      of.must("full-mtu", "RFC 894; RFC 8200, 5",
              "Echoes that fill the MTU exactly, with don't-fragment set, are answered between the containers, and "
              "between each and the node.",
              ends, why_size),
      of.must("over-mtu-refused", "RFC 1191, 3; RFC 8201, 4; ip(7), IP_MTU_DISCOVER",
              "An echo one byte larger than the MTU, with don't-fragment set, is refused by the sender's kernel "
              "(EMSGSIZE) and never appears on the far end: between the containers, and between each and the node.",
              {"node-to-containers-chosen", "gateway-chosen", "neighbour-chosen"},
              "A link that takes more than its MTU, or drops it silently, breaks path MTU discovery."),
      of.must("fragmented", "RFC 791, 3.2; RFC 8200, 4.5",
              "Echoes of twice the MTU are fragmented, put together again and answered: between the containers, and "
              "between each and the node.",
              ends, "Large UDP datagrams (DNS, tunnels) need fragments to pass."),
      of.must("udp", "RFC 768; RFC 1122, 4.1",
              "UDP datagrams are echoed intact, both ways: between the containers, and between each and the node.",
              ends, "Filters and NAT treat protocols differently: a ping that passes proves nothing for UDP."),
      of.must(
          "tcp", "RFC 9293",
          "A TCP connection carries data and its echo intact, both ways: between the containers, and between each and "
          "the node.",
          ends, "Filters and NAT treat protocols differently: a ping that passes proves nothing for TCP."),
      of.must("neighbour-resolution", "RFC 826; RFC 4861, 7.2",
              "Each container's link-layer address is resolved afresh (ARP, in IPv6 neighbour discovery) by the other "
              "and by the node, and the bridge's by each container, and the owner answers with its own MAC.",
              ends, "An answer by somebody else (proxy ARP) or from a stale entry sends the packets elsewhere."),
      of.must(
          "forwarding-learned", "IEEE 802.1D, 7.8; Documentation/networking/bridge.rst",
          "After packets both ways the bridge has learned each container's MAC address behind its own port, and only "
          "there.",
          {"port-state", "container-to-container"}, "A bridge that does not learn sends every packet to everybody."),
      of.must("not-flooded", "IEEE 802.1D, 7.7 and 7.8",
              "Of the containers' unicast packets to each other nothing comes out of a third port, while the question "
              "that goes to all (ARP broadcast, neighbour solicitation) does.",
              {"container-to-container", "neighbour-resolution"},
              "What is flooded can be read by every container, and costs every one of them."),
  };
}

std::vector<Requirement> life(const suites::Catalogue& of) {
  return {
      of.must("tear-down", "tutorial part 2, clean-up; ip-netns(8), ip-link(8)",
              "After tear-down, once the kernel has deleted the links, the node is exactly as before the build.", {},
              "What is left behind breaks the next build, or stays on the machine for good."),
      of.must("rebuild", "tutorial part 2, all steps",
              "Build, tear down, build again works: the same network stands, and the containers are reached again.",
              {"build", "container-to-container", "containers-to-node", "tear-down"},
              "A network that can be built only once on a machine cannot be operated."),
      of.must(
          "outside",
          "tutorial part 2, setting the default routes; RFC 1812, 5.2.1 and 5.3.1; "
          "Documentation/networking/ip-sysctl.rst, ip_forward",
          "With ip_forward 1 the default route leads through the bridge to the outside: each container's packets leave "
          "the node's uplink from its own address with TTL 63, and are answered; with ip_forward 0 none leaves.",
          {"gateway-chosen", "containers-to-node"},
          "It shows that the default route is of use, and that the node routes for its containers like a router, "
          "unchanged but for the TTL."),
  };
}

}  // namespace

std::vector<Requirement> settings(const suites::Catalogue& of, const std::string& bridge, const std::string& ports,
                                  bool may_be_hairpins) {
  const std::string off = may_be_hairpins
                              ? "isolated, guards, proxies and all else off (but hairpin, which plugins set)"
                              : "isolated, hairpin, guards, proxies and all else off";
  return {
      of.must("port-settings", "Documentation/networking/bridge.rst, port attributes; ip-link(8), bridge_slave",
              "veth10 and veth20 are set as the kernel makes ports: learning and flooding of unicast, multicast and "
              "broadcast on; " +
                  off + ".",
              {ports},
              "Without learning or flooding packets get lost or are everybody's; isolated ports reach the node only; "
              "hairpin sends a packet back where it came from."),
      of.must(
          "bridge-settings", "Documentation/networking/bridge.rst, bridge attributes; ip-link(8), bridge",
          "br0 is set as the kernel makes bridges: no spanning tree, no VLAN filtering, entries aged after 300 s, "
          "multicast snooping without a querier.",
          {bridge},
          "Spanning tree keeps a port silent for 30 s; an ageing time of 0 makes the bridge a hub; a querier changes "
          "where multicast, and IPv6 neighbour discovery with it, goes."),
  };
}

std::vector<Requirement> what_stands(const suites::Catalogue& of) {
  std::vector<Requirement> all;
  suites::add(all, existence(of));
  suites::add(all, links(of));
  suites::add(all, settings(of, "bridge", "ports", /*may_be_hairpins=*/false));
  suites::add(all, addresses_and_routes(of));
  suites::add(all, of.closed_world());
  suites::add(all, no_other_forwarding(of));
  return all;
}

std::vector<Requirement> requirements() {
  std::vector<Requirement> all;
  const suites::Catalogue of = catalogue();
  suites::add(all, what_stands(of));
  suites::add(all, reachability(of));
  suites::add(all, life(of));
  return all;
}

}  // namespace netns_lab::bridge
