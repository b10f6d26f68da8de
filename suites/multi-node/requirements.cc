#include "suites/multi-node/requirements.h"

#include <utility>

#include "suites/bridge/requirements.h"
#include "suites/common/catalogue.h"

namespace netns_lab::multi_node {
namespace {

// What part 2 asks for, on each node.
std::vector<Requirement> on_each_node(const suites::Catalogue& of) {
  std::vector<Requirement> all = bridge::what_stands(of);
  for (Requirement& requirement : all) {
    if (requirement.id.ends_with(".no-other-sysctls")) {
      requirement.text =
          "No network sysctl of the node or of a namespace was changed, but forwarding and what the kernel sets along "
          "with it.";
    }
    requirement.text = "On each node: " + requirement.text;
  }
  return all;
}

std::vector<Requirement> on_one_node(const suites::Catalogue& of, const std::string& tutorial) {
  return {
      of.must(
          "truth-table", tutorial + ", checks",
          "On each node, each of {the node, $CON1, $CON2} reaches each of {the node's address, the bridge's, those of "
          "its two containers}: twelve pairs, every request seen arriving where that address is, every one answered "
          "once.",
          {}, "What works between the nodes must not cost what works on each of them."),
      of.must(
          "local-containers", tutorial + ", checks; IEEE 802.1D, 7; RFC 1122, 3.3.1.1",
          "On each node, every echo request from each container to the other arrives there from its address with TTL "
          "64 (bridged, not routed) and its payload intact, and is answered once.",
          {"bridge-up", "host-links-up", "container-links-up"},
          "A route that is too wide takes packets for the neighbour on the same bridge to the other node."),
  };
}

std::vector<Requirement> routing(const suites::Catalogue& of) {
  return {
      of.must(
          "forwarding", "tutorial part 3, enabling IP forwarding; Documentation/networking/ip-sysctl.rst, ip_forward",
          "On each node net.ipv4.ip_forward is 1 (IPv6: net.ipv6.conf.all.forwarding), and so is forwarding on every "
          "link of the node.",
          {}, "A node that is no router drops what is not for itself, silently."),
      of.must(
          "node-route", "tutorial part 3, setting the route to the other node's containers; ip-route(8)",
          "Each node has exactly one route to the subnet of the other's containers: via the other node's address, out "
          "of its uplink.",
          {},
          "Without it packets for the other node's containers go the default way, to somebody who knows nothing "
          "of them."),
      of.must("remote-chosen", "tutorial part 3, setting the route to the other node's containers; RFC 1812, 5.2.4.3",
              "Each node's kernel sends its own packets to each container of the other node via that node's address, "
              "out of "
              "its uplink and from its own address there.",
              {}, "A routing rule, another table or a better route can overrule the one that `ip route` shows."),
      of.must(
          "forwarded-chosen", "tutorial part 3; RFC 1812, 5.2.1 and 5.2.4.3",
          "Each node's kernel would forward a packet of its containers, taken in by br0, to each container of the "
          "other "
          "node via that node's address, and one of those, taken in by the uplink, to its own container out of br0.",
          {"forwarding"},
          "What a node sends itself may go another way than what it forwards: rules look at where a packet came in, "
          "and source validation refuses some."),
      of.must(
          "containers-remote-chosen", "tutorial part 3; RFC 1122, 3.3.1.1",
          "Each container's kernel sends packets to each container of the other node via its bridge's address, out of "
          "its own link and from its own address.",
          {"container-links"},
          "Packets that leave by another way, or from another address, are answered to somebody else."),
  };
}

std::vector<Requirement> across(const suites::Catalogue& of) {
  const std::vector<std::string> ends = {"bridge-up", "host-links-up", "container-links-up"};
  const auto why_size =
      "Small packets pass and large ones do not: a connection opens and then hangs at its first full segment.";
  return {
      of.must("container-to-container", "tutorial part 3, checks; RFC 1812, 5.3.1; RFC 1122, 3.2.2.6; RFC 4443, 4",
              "Every echo request from each container to each container of the other node arrives there from its own "
              "address with TTL 62 (exactly two routers) and its payload intact, and its one answer comes back with "
              "TTL 62; "
              "from both nodes.",
              ends, "This is what part 3 is for."),
      of.must("crosses-segment", "tutorial part 3 (the nodes are each other's next hop); RFC 1812, 5.2.4.2",
              "Each of these requests leaves its node's uplink once, to the other node's MAC address and from the "
              "container's own address with TTL 63, and comes in there; its answer likewise, the other way round.",
              ends,
              "A detour by a third machine, or an answer that takes another way than the request, works until that "
              "machine or a filter with a memory does not play along."),
      of.must(
          "node-to-containers", "tutorial part 3, checks; RFC 1122, 3.2.2.6; RFC 4443, 4",
          "Every echo request from each node to each container of the other arrives there from the node's address on "
          "the segment with TTL 63 (one router) and its payload intact, and is answered once.",
          ends, "This is how a node speaks to what runs on another."),
      of.must("containers-to-node", "tutorial part 3, checks; RFC 1122, 3.2.2.6; RFC 4443, 4",
              "Every echo request from each container to the other node, to its address on the segment and to its "
              "bridge's, comes in at that node's uplink from the container's own address with TTL 63 and its payload "
              "intact, and is answered once.",
              ends, "A node that answers its own containers only cannot be monitored from the others."),
      of.must(
          "full-mtu", "RFC 894; RFC 1191; RFC 8200, 5",
          "Echoes that fill the MTU exactly (of the containers' links' and the uplinks' the smaller one), with "
          "don't-fragment set, are answered between containers of the two nodes and between each node and the other's "
          "containers.",
          ends, why_size),
      of.must("over-mtu-refused", "RFC 1191, 3; RFC 8201, 4; ip(7), IP_MTU_DISCOVER",
              "An echo one byte larger than that, with don't-fragment set, never appears on the far end: the sender's "
              "kernel refuses it (EMSGSIZE), or, where the sender's own link takes more, the node for which it is too "
              "big says so, and how much is not.",
              {"remote-chosen", "containers-remote-chosen"},
              "A path that takes more than its MTU, or drops it silently, breaks path MTU discovery."),
      of.must(
          "fragmented", "RFC 791, 3.2; RFC 8200, 4.5",
          "Echoes of twice as much are fragmented by their sender, forwarded, put together again and answered, between "
          "containers of the two nodes and between each node and the other's containers.",
          ends, "Large UDP datagrams (DNS, tunnels) need fragments to pass."),
      of.must(
          "udp", "RFC 768; RFC 1122, 4.1",
          "UDP datagrams are echoed intact between containers of the two nodes and between each node and the other's "
          "containers, both ways.",
          ends, "Filters and NAT treat protocols differently: a ping that passes proves nothing for UDP."),
      of.must(
          "tcp", "RFC 9293",
          "A TCP connection carries data and its echo intact between containers of the two nodes and between each node "
          "and the other's containers, both ways.",
          ends, "Filters and NAT treat protocols differently: a ping that passes proves nothing for TCP."),
      of.must(
          "source-unchanged", "tutorial part 3 (no masquerade between containers); RFC 1812, 5.2.1; RFC 3022, 1",
          "What arrives of them, of echoes, UDP and TCP alike, has the sender's own address as its source; what comes "
          "back has the receiver's.",
          {"container-to-container"},
          "With masquerade every container of the other node looks like that node: no policy, no log can tell them "
          "apart, and connections the other way round break."),
  };
}

std::vector<Requirement> life(const suites::Catalogue& of) {
  return {
      of.must(
          "tear-down", "tutorial part 3, clean-up; ip-netns(8), ip-link(8), sysctl(8)",
          "After tear-down, once the kernel has deleted the links, each node is exactly as before the build: no route "
          "to the other, no longer a router.",
          {}, "What is left behind breaks the next build, or stays on the machine for good."),
      of.must(
          "rebuild", "tutorial part 3, all steps",
          "Build, tear down, build again works: the same network stands on both nodes, and the other node's containers "
          "are reached again.",
          {"build", "container-to-container", "tear-down"},
          "A network that can be built only once on a machine cannot be operated."),
  };
}

}  // namespace

std::vector<Requirement> what_stands_on_each_node(const suites::Catalogue& of, const std::string& tutorial) {
  std::vector<Requirement> all = on_each_node(of);
  suites::add(all, on_one_node(of, tutorial));
  return all;
}

std::vector<Requirement> requirements() {
  const suites::Catalogue of("multi-node", "tutorial part 3");
  std::vector<Requirement> all;
  suites::add(all, what_stands_on_each_node(of, "tutorial part 3"));
  suites::add(all, routing(of));
  suites::add(all, across(of));
  suites::add(all, life(of));
  return all;
}

}  // namespace netns_lab::multi_node
