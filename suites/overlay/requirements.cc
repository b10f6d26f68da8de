#include "suites/overlay/requirements.h"

#include <utility>

#include "suites/common/catalogue.h"
#include "suites/multi-node/requirements.h"

namespace netns_lab::overlay {
namespace {

constexpr auto kTutorial = "tutorial part 4";

std::vector<Requirement> tunnel(const suites::Catalogue& of) {
  return {
      of.must("tunnel",
              "tutorial part 4, making the tunnel; ip-link(8); Documentation/networking/vxlan.rst, tuntap.rst",
              "On each node there is a link vxlan0 of kind vxlan (TUNNEL=tun: tun0 of kind tun).", {},
              "It is the only way to the other node's containers."),
      of.must("tunnel-up", "tutorial part 4, making the tunnel; ip-link(8)",
              "The tunnel's link is up, with carrier, on each node.", {"tunnel"},
              "Through a link that is down nothing passes."),
      of.must("tunnel-flags",
              "ip-link(8); drivers/net/vxlan/vxlan_core.c, vxlan_setup; drivers/net/tun.c, tun_net_init",
              "The tunnel's link has the flags that the kernel gives one, and is no port of a bridge or bond.",
              {"tunnel-up"}, "A promiscuous link, or one without ARP, works until somebody relies on it."),
      of.must(
          "tunnel-settings", "RFC 7348, 4 and 5; ip-link(8), VXLAN Type Support; Documentation/networking/tuntap.rst",
          "TUNNEL=vxlan: the link is of network $VNI, sends to UDP port $PORT by the uplink from the node's address, "
          "has $TUNNEL_MAC as its own, learns or does not as $FDB says, and is set as the kernel makes one else. "
          "TUNNEL=tun: it carries packets, not frames.",
          {"tunnel"},
          "Two ends that differ in any of it do not understand each other, or only as long as nothing changes."),
      of.must(
          "tunnel-entries", "RFC 7348, 4.1 and 4.2; bridge(8), fdb",
          "What the tunnel sends goes to the other node's address and to nobody else, as seen on the uplinks. "
          "TUNNEL=vxlan: an entry says so of frames for all, and for what is not known; FDB=static: another, of those "
          "for the other end's MAC address; and what was learned is right.",
          {"tunnel"}, "A wrong entry sends frames to a machine that drops them, or reads them."),
      of.must("tunnel-address", "tutorial part 4, making the tunnel; ip-address(8)",
              "The tunnel's link has exactly the address $TUNNEL_IP (and its IPv6 link-local one).", {"tunnel"},
              "It is the next hop of the other node, and the source of what the node itself sends."),
      of.must("tunnel-mtu", "RFC 7348, 4.3; RFC 2784 and RFC 4459, 3.3 (why not to fragment outside)",
              "The tunnel's MTU is the uplink's less the headers before the inner packet: 50 bytes of VXLAN, 28 of UDP "
              "alone (IPv6: 70, 48), so that no outer packet need be fragmented, and no byte is given away.",
              {"tunnel"},
              "Too large, and outer packets are fragmented or dropped; too small, and every packet carries less."),
  };
}

std::vector<Requirement> routing(const suites::Catalogue& of) {
  return {
      of.must(
          "forwarding", "tutorial part 4, enabling IP forwarding; Documentation/networking/ip-sysctl.rst, ip_forward",
          "On each node net.ipv4.ip_forward is 1 (IPv6: net.ipv6.conf.all.forwarding), and so is forwarding on every "
          "link of the node.",
          {}, "A node that is no router drops what is not for itself, silently."),
      of.must(
          "node-route", "tutorial part 4, setting the route to the other node's containers; ip-route(8)",
          "Each node has exactly one route to the subnet of the other's containers: via the other end of the tunnel, "
          "out of the tunnel's link.",
          {},
          "Without it packets for the other node's containers go the default way, to a router that knows nothing of "
          "them."),
      of.must("remote-chosen", "tutorial part 4, setting the route to the other node's containers; RFC 1812, 5.2.4.3",
              "Each node's kernel sends its own packets to each container of the other node via the other end of the "
              "tunnel, out of the tunnel's link and from its own address there.",
              {}, "A routing rule, another table or a better route can overrule the one that `ip route` shows."),
      of.must(
          "forwarded-chosen", "tutorial part 4; RFC 1812, 5.2.1 and 5.2.4.3",
          "Each node's kernel would forward a packet of its containers, taken in by br0, to each container of the "
          "other node into the tunnel, and one of those, taken in from the tunnel, to its own container out of br0.",
          {"forwarding"},
          "What a node sends itself may go another way than what it forwards: rules look at where a packet came in, "
          "and source validation refuses some."),
      of.must(
          "containers-remote-chosen", "tutorial part 4; RFC 1122, 3.3.1.1",
          "Each container's kernel sends packets to each container of the other node via its bridge's address, out of "
          "its own link and from its own address.",
          {"container-links"},
          "Packets that leave by another way, or from another address, are answered to somebody else."),
  };
}

std::vector<Requirement> underlay(const suites::Catalogue& of) {
  return {
      of.must(
          "underlay-chosen", "tutorial part 4; RFC 1812, 5.2.4.3",
          "Each node's kernel sends packets for the other node's own address by the router of its segment, out of its "
          "uplink: not into the tunnel.",
          {}, "A tunnel whose outer packets go into the tunnel carries nothing."),
      of.must(
          "underlay-reached", "tutorial part 4; RFC 1122, 3.2.2.6; RFC 4443, 4",
          "Every echo request from each node to the other's address comes in at its uplink with TTL 63 (one router) "
          "and its payload intact, and is answered once.",
          {"underlay-chosen"}, "The tunnel needs it, and it must not have been broken to build one."),
      of.must(
          "underlay-has-no-way", "tutorial part 4 (segments that know nothing of the containers); RFC 1812, 5.2.7.1",
          "Without the tunnel the containers are not reached: the router between the nodes has no route to them, and "
          "an echo sent to one of the other node out of the uplink as it is arrives nowhere; one sent to that node's "
          "address in the same way does.",
          {"underlay-reached"}, "Otherwise all that follows may work without a tunnel, and proves nothing of one."),
  };
}

std::vector<Requirement> across(const suites::Catalogue& of) {
  const std::vector<std::string> ends = {"bridge-up", "host-links-up", "container-links-up", "tunnel-up"};
  return {
      of.must("container-to-container", "tutorial part 4, checks; RFC 1812, 5.3.1; RFC 1122, 3.2.2.6; RFC 4443, 4",
              "Every echo request from each container to each container of the other node arrives there from its own "
              "address with TTL 62 (exactly two routers: the tunnel is one hop) and its payload intact, and its one "
              "answer comes back with TTL 62; from both nodes.",
              ends, "This is what part 4 is for."),
      of.must(
          "node-to-containers", "tutorial part 4, checks; RFC 1122, 3.2.2.6; RFC 4443, 4",
          "Every echo request from each node to each container of the other arrives there from the node's address in "
          "the tunnel with TTL 63 (one router) and its payload intact, and is answered once.",
          ends, "This is how a node speaks to what runs on another."),
      of.must("containers-to-node", "tutorial part 4, checks; RFC 1122, 3.2.2.6; RFC 4443, 4",
              "Every echo request from each container to the other node, to its address in the tunnel and to its "
              "bridge's, comes in from the tunnel from the container's own address with TTL 63 and its payload intact, "
              "and is answered once.",
              ends, "A node that answers its own containers only cannot be monitored from the others."),
      of.must(
          "full-mtu", "RFC 7348, 4.3; RFC 1191; RFC 8200, 5",
          "Echoes that fill the tunnel's MTU exactly (or that of the containers' links, if it is smaller), with "
          "don't-fragment set, are answered between containers of the two nodes and between each node and the other's "
          "containers.",
          ends,
          "Small packets pass and large ones do not: a connection opens and then hangs at its first full segment."),
      of.must(
          "over-mtu-refused", "RFC 1191, 3; RFC 8201, 4; ip(7), IP_MTU_DISCOVER",
          "An echo of a node's own, one byte larger than the tunnel's MTU, with don't-fragment set, is refused by its "
          "kernel (EMSGSIZE) and never appears on the far end.",
          {"remote-chosen"}, "A tunnel that takes more than its MTU, or drops it silently, breaks path MTU discovery."),
  };
}

std::vector<Requirement> encapsulation(const suites::Catalogue& of) {
  const std::vector<std::string> rests_on = {"container-to-container"};
  return {
      of.must(
          "encapsulated", "tutorial part 4; RFC 7348, 5; RFC 768",
          "Each request from container to container, and each answer, crosses each node's uplink once, inside one "
          "UDP datagram to port $PORT from the one node's address to the other's, with outer TTL 64 where it leaves "
          "and 63 where it arrives (the router passed it on).",
          rests_on, "That they arrive does not say by which way: this is the proof that the tunnel carried them."),
      of.must("tunnel-header", "RFC 7348, 5; RFC 768",
              "TUNNEL=vxlan: the VXLAN header of each of them has the I flag, network $VNI, and zeros in all reserved "
              "fields, and a frame follows; TUNNEL=tun: nothing stands between the UDP header and the inner packet. As "
              "seen on the uplinks.",
              rests_on, "Networks that share an underlay are told apart by this number alone."),
      of.must("inner-packet", "RFC 7348, 5; RFC 1812, 5.3.1",
              "What is inside of them is the container's own packet: from its own address to the other's, with TTL 63; "
              "TUNNEL=vxlan: in a frame from the MAC address of the one end's link to that of the other's.",
              rests_on, "An address rewritten before the tunnel cannot be told from another container's behind it."),
      of.must(
          "nothing-bare", "tutorial part 4 (segments that know nothing of the containers)",
          "While they pass, nothing to or from an address of the containers is on the uplinks outside of the tunnel.",
          rests_on, "What leaks past the tunnel is readable to the segment, and lost at its router."),
      of.must(
          "outer-size", "RFC 7348, 4.3 (VTEPs MUST NOT fragment); RFC 4459, 3.3",
          "An echo that fills the tunnel's MTU is carried in one outer packet as large as the uplink's MTU (one that "
          "fills the containers' links', where that is smaller, in one that is as much smaller), which is no fragment.",
          {"full-mtu"}, "Fragments of outer packets cost twice the packets, and a lost one costs both."),
  };
}

std::vector<Requirement> transport(const suites::Catalogue& of) {
  const std::vector<std::string> ends = {"bridge-up", "host-links-up", "container-links-up", "tunnel-up"};
  return {
      of.must(
          "too-big-told", "RFC 1191, 4; RFC 792; RFC 8201, 4; RFC 4443, 3.2; RFC 4459, 3.2",
          "A container whose packet with don't-fragment set is one byte larger than the tunnel's MTU is told so by "
          "its node: fragmentation needed (IPv6: packet too big) with the tunnel's MTU; nothing arrives. To containers "
          "of the other node, and to that node. (Where the containers' links take less than the tunnel, the nodes are "
          "told by each other; where they take as much, the container's own kernel refuses it.)",
          {"container-to-container", "tunnel-mtu"},
          "Its own link takes more (1500 bytes): without that message it sends them, and they vanish."),
      of.must(
          "fragmented", "RFC 791, 3.2; RFC 8200, 4.5",
          "Echoes of twice as much as passes, once the sender was told how much that is, do so in fragments, are put "
          "together again and answered, between containers of the two nodes and between each node and the other's "
          "containers.",
          {"too-big-told"}, "Large UDP datagrams (DNS, tunnels) need fragments to pass."),
      of.must(
          "udp", "RFC 768; RFC 1122, 4.1",
          "UDP datagrams are echoed intact between containers of the two nodes and between each node and the other's "
          "containers, both ways.",
          ends, "Filters and NAT treat protocols differently: a ping that passes proves nothing for UDP."),
      of.must("tcp", "RFC 9293; RFC 1191, 6.4",
              "A TCP connection carries data and its echo intact between containers of the two nodes and between each "
              "node and the other's containers, both ways.",
              ends, "Filters and NAT treat protocols differently; and a stream fills the MTU, whatever that is."),
      of.must(
          "source-unchanged", "tutorial part 4 (no masquerade between containers); RFC 1812, 5.2.1; RFC 3022, 1",
          "What arrives of them, of echoes, UDP and TCP alike, has the sender's own address as its source; what comes "
          "back has the receiver's.",
          {"container-to-container"},
          "With masquerade every container of the other node looks like that node: no policy, no log can tell them "
          "apart, and connections the other way round break."),
  };
}

std::vector<Requirement> life(const suites::Catalogue& of) {
  return {
      of.must("tear-down", "tutorial part 4, clean-up; ip-netns(8), ip-link(8), sysctl(8)",
              "After tear-down, once the kernel has deleted the links, each node is exactly as before the build: no "
              "tunnel, nothing that takes in its packets, no longer a router.",
              {}, "What is left behind breaks the next build, or stays on the machine for good."),
      of.must("rebuild", "tutorial part 4, all steps",
              "Build, tear down, build again works: the same network stands on both nodes, and the other node's "
              "containers are reached again.",
              {"build", "container-to-container", "tear-down"},
              "A network that can be built only once on a machine cannot be operated."),
  };
}

}  // namespace

std::vector<Requirement> requirements() {
  const suites::Catalogue of("overlay", kTutorial);
  std::vector<Requirement> all = multi_node::what_stands_on_each_node(of, kTutorial);
  suites::add(all, tunnel(of));
  suites::add(all, routing(of));
  suites::add(all, underlay(of));
  suites::add(all, across(of));
  suites::add(all, encapsulation(of));
  suites::add(all, transport(of));
  suites::add(all, life(of));
  return all;
}

}  // namespace netns_lab::overlay
