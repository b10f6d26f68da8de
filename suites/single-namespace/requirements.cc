#include "suites/single-namespace/requirements.h"

#include <utility>

#include "suites/common/catalogue.h"

namespace netns_lab::single_namespace {
namespace {

suites::Catalogue catalogue() { return {"single-namespace", "tutorial part 1"}; }

Requirement must(std::string id, std::string source, std::string text, std::vector<std::string> rests_on,
                 std::string why) {
  return catalogue().must(std::move(id), std::move(source), std::move(text), std::move(rests_on), std::move(why));
}

std::vector<Requirement> existence() {
  return {
      must("build", "tutorial part 1, all steps", "The target reports that it built the network.", {},
           "A target that fails half-way leaves a network that nobody can rely on, whatever happens to work in it."),
      must("namespace", "tutorial part 1, step 1; ip-netns(8)",
           "/run/netns/$CON exists and is a mount of a network namespace (nsfs).", {},
           "A plain file with that name looks like a namespace in a listing, but nothing can enter it."),
      must("namespace-distinct", "tutorial part 1, step 1; network_namespaces(7)",
           "The namespace $CON is not the node's own network namespace.", {"namespace"},
           "A name bound to the node's own namespace isolates nothing: the container would see and change the node's "
           "network."),
      must("namespace-one-name", "tutorial part 1, step 1; ip-netns(8)",
           "The namespace has exactly one name, mounted once.", {"namespace"},
           "Every further name or stacked mount keeps the namespace alive after it was deleted."),
      must("host-link", "tutorial part 1, step 2; veth(4)",
           "veth1 exists in the node's own namespace and is a veth device.", {},
           "Without its end of the pair the node has no way into the namespace."),
      must("container-link", "tutorial part 1, steps 2 and 3; veth(4)",
           "veth2 exists in the namespace $CON and is a veth device.", {"namespace"},
           "An end that was not moved stays in the node, and the namespace has no link to the outside."),
      must("pair", "tutorial part 1, step 2; veth(4)",
           "veth1 and veth2 are each other's peer: that of veth1 is in the namespace $CON, that of veth2 on the node.",
           {"host-link", "container-link"},
           "Two ends of different pairs have the right names, and nothing that enters one comes out of the other."),
  };
}

std::vector<Requirement> links() {
  return {
      must("host-link-up", "tutorial part 1, step 6; RFC 2863, 3.1.13",
           "veth1 is administratively up, its operational state is UP and it has carrier.", {"host-link"},
           "A link that is down drops every packet; with one end up and the other down there is no carrier."),
      must("container-link-up", "tutorial part 1, step 5; RFC 2863, 3.1.13",
           "veth2 is administratively up, its operational state is UP and it has carrier.", {"container-link"},
           "A link that is down drops every packet; with one end up and the other down there is no carrier."),
      must("host-link-flags", "tutorial part 1, steps 2 and 6; netdevice(7)",
           "veth1 has exactly the flags BROADCAST, MULTICAST, UP, RUNNING, LOWER_UP and belongs to no bridge.",
           {"host-link-up"},
           "NOARP stops neighbour resolution, PROMISC lets foreign packets in, a master takes the packets away from "
           "the routing table."),
      must("container-link-flags", "tutorial part 1, steps 2 and 5; netdevice(7)",
           "veth2 has exactly the flags BROADCAST, MULTICAST, UP, RUNNING, LOWER_UP and belongs to no bridge.",
           {"container-link-up"},
           "NOARP stops neighbour resolution, PROMISC lets foreign packets in, a master takes the packets away from "
           "the routing table."),
      must("loopback-up", "tutorial part 1, step 7; RFC 1122, 3.2.1.3",
           "lo inside the namespace is up and has carrier.", {"namespace"},
           "Programs that talk to 127.0.0.1, or to the container's own address, get no answer while lo is down."),
      must("mtu", "tutorial part 1, step 2; RFC 894",
           "veth1 and veth2 have the same MTU: that of the parameter, 1500 bytes.", {"host-link", "container-link"},
           "With unequal MTUs the larger end sends packets that the smaller end drops without a word: small pings "
           "pass, transfers hang."),
      must("mac", "tutorial part 1, step 2; IEEE 802, 8.2", "veth1 and veth2 have different unicast MAC addresses.",
           {"host-link", "container-link"},
           "With equal MACs neither end can tell a frame for its peer from one of its own."),
  };
}

std::vector<Requirement> addresses_and_routes() {
  return {
      must(
          "address", "tutorial part 1, step 4; rtnetlink(7)",
          "veth2 has exactly the declared address with prefix length 32 (IPv6: 128), global scope, unlimited lifetime, "
          "no unusual flags and no broadcast address.",
          {"container-link"},
          "A shorter prefix adds a route for a whole subnet; a lifetime lets the address vanish; a second address may "
          "be chosen as source."),
      must("host-link-address", "tutorial part 1 (veth1 gets no address); docs/scenarios/single-namespace.md for IPv6",
           "veth1 has no IPv4 address; in the IPv6 variant it has fe80::1/64.", {"host-link"},
           "An address on veth1 becomes the source of the node's packets to the container, instead of the node's own "
           "address."),
      must("host-route", "tutorial part 1, step 8; ip-route(8)",
           "The node's main table has exactly one route to the container's address: a host route out of veth1 without "
           "a gateway, of scope link, without a metric, a source hint or other attributes.",
           {"host-link"}, "Without it the node sends packets for the container to its own default gateway."),
      must("host-route-chosen", "tutorial part 1, step 8; RFC 1812, 5.2.4.3",
           "The node's kernel chooses veth1 for packets to the container, by that route.", {"host-link"},
           "A routing rule, another table or a better route can overrule the one that `ip route` shows."),
      must(
          "default-route", "tutorial part 1, step 9; ip-route(8)",
          "The namespace has exactly one default route: via $IP (IPv6: fe80::1) out of veth2, without a metric, a "
          "source "
          "hint or other attributes.",
          {"container-link"},
          "Without it the container reaches nothing but itself; with two of them the kernel may choose the wrong one."),
      must("way-back-chosen", "tutorial part 1, step 9; RFC 1812, 5.2.4.3",
           "The namespace's kernel chooses veth2, and the container's address as source, for packets to the node.",
           {"container-link"},
           "Requests that arrive and replies that leave by another way, or from another address, look like packet "
           "loss."),
  };
}

std::vector<Requirement> reachability() {
  const std::vector<std::string> ends = {"host-link-up", "container-link-up"};
  const auto why_size =
      "Small packets pass and large ones do not: a connection opens and then hangs at its first full segment.";
  return {
      must("host-to-container", "tutorial part 1, checks; RFC 1122, 3.2.2.6; RFC 4443, 4",
           "Every echo request from the node arrives at veth2 with the node's source, TTL 64 and its payload intact, "
           "and is answered once.",
           ends, "This is what the network is for."),
      must("container-to-host", "tutorial part 1, checks; RFC 1122, 3.2.2.6; RFC 4443, 4",
           "Every echo request from the namespace to the node's uplink address arrives at veth1 from the container's "
           "address with TTL 64 and its "
           "payload intact, and is answered once.",
           ends, "Pinging an address that is local to the namespace proves nothing: the packet never leaves it."),
      must("empty-payload", "RFC 792, echo; RFC 4443, 4.1", "Echoes without payload are answered both ways.", ends,
           "An echo may be empty; what cannot carry it is not an IP network."),
      must("full-mtu", "RFC 894; RFC 8200, 5",
           "Echoes that fill the MTU exactly, with don't-fragment set, are answered both ways.", ends, why_size),
      must("over-mtu-refused", "RFC 1191, 3; RFC 8201, 4; ip(7), IP_MTU_DISCOVER",
           "An echo one byte larger than the MTU, with don't-fragment set, is refused by the sender's kernel "
           "(EMSGSIZE) and never appears on the "
           "far end.",
           {"host-route-chosen", "way-back-chosen"},
           "A link that takes more than its MTU, or drops it silently, breaks path MTU discovery."),
      must("fragmented", "RFC 791, 3.2; RFC 8200, 4.5",
           "Echoes of twice the MTU are fragmented, put together again and answered both ways.", ends,
           "Large UDP datagrams (DNS, tunnels) need fragments to pass."),
      must("udp", "RFC 768; RFC 1122, 4.1", "UDP datagrams are echoed intact, both ways.", ends,
           "Filters and NAT treat protocols differently: a ping that passes proves nothing for UDP."),
      must("tcp", "RFC 9293", "A TCP connection carries data and its echo intact, both ways.", ends,
           "Filters and NAT treat protocols differently: a ping that passes proves nothing for TCP."),
      must("neighbour-resolution", "RFC 826; RFC 4861, 7.2",
           "Each end's link-layer address is resolved afresh (ARP, in IPv6 neighbour discovery) and answered with the "
           "peer's own MAC.",
           ends, "An answer by somebody else (proxy ARP) or from a stale entry sends the packets elsewhere."),
  };
}

std::vector<Requirement> life() {
  return {
      must("isolation",
           "tutorial part 1 (nothing forwards); RFC 1812, 2.2.8.1; Documentation/networking/ip-sysctl.rst, ip_forward",
           "With ip_forward 0 nothing that a third namespace sends to the container arrives there, while it reaches "
           "the node itself.",
           {"host-to-container"},
           "A node that forwards between containers without being asked joins what was meant to be apart."),
      must("forwarding", "RFC 1812, 5.2.1 and 5.3.1; RFC 8200, 3; Documentation/networking/ip-sysctl.rst, ip_forward",
           "With ip_forward 1 a third namespace's packet arrives at the container with TTL 63.", {"host-to-container"},
           "It shows that the node routes to the container like a router, and that the isolation above is due to "
           "ip_forward alone."),
      must("tear-down", "tutorial part 1, clean-up; ip-netns(8)",
           "After tear-down, once the kernel has deleted the links, the node is exactly as before the build.", {},
           "What is left behind breaks the next build, or stays on the machine for good."),
      must("rebuild", "tutorial part 1, all steps",
           "Build, tear down, build again works: the same network stands, and the container is reached again.",
           {"build", "host-to-container", "container-to-host", "tear-down"},
           "A network that can be built only once on a machine cannot be operated."),
  };
}

}  // namespace

std::vector<Requirement> requirements() {
  std::vector<Requirement> all;
  suites::add(all, existence());
  suites::add(all, links());
  suites::add(all, addresses_and_routes());
  suites::add(all, catalogue().closed_world());
  suites::add(all, reachability());
  suites::add(all, life());
  return all;
}

}  // namespace netns_lab::single_namespace
