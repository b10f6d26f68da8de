#include "suites/bridge-scale/requirements.h"

#include <utility>

#include "suites/common/catalogue.h"

namespace netns_lab::bridge_scale {
namespace {

std::vector<Requirement> what_is_declared(const suites::Catalogue& of) {
  return {
      of.must("build", "tutorial part 2, all steps", "The target reports that it built the network.", {},
              "A target that fails half-way leaves a network that nobody can rely on, whatever happens to work in it."),
      of.must(
          "namespaces", "tutorial part 2, creating the namespaces; ip-netns(8); network_namespaces(7)",
          "netns1 to netnsN ($CONTAINERS of them) are each a mount of a network namespace of its own in /run/netns, "
          "with one name, mounted once.",
          {}, "Two names of one namespace isolate nothing, and a further name keeps it alive after its deletion."),
      of.must("bridge", "tutorial part 2, creating and enabling the bridge; Documentation/networking/bridge.rst",
              "br0 is a bridge on the node, up with carrier, set as the kernel makes bridges, and has exactly the "
              "declared address with prefix length 21 (IPv6: 64).",
              {}, "It joins the containers, and is their gateway."),
      of.must(
          "links", "tutorial part 2, creating the pairs and adding them; veth(4); ip-link(8), bridge_slave",
          "For each container C, vethC0 on the node and vethC1 in netnsC are each other's peer, with the usual "
          "flags and an MTU of 1500; vethC0 is a port of br0, set as the kernel makes ports; br0 has no other port.",
          {"namespaces", "bridge"}, "A container whose pair ends elsewhere is on another network."),
      of.must("links-up", "tutorial part 2, enabling the pairs; RFC 2863, 3.1.13; IEEE 802.1D, 8.4",
              "Each vethC0, vethC1 and lo is up with carrier, and each port of br0 is in the state forwarding.",
              {"links"}, "A link that is down, or a port that does not forward, cuts its container off."),
      of.must("macs", "IEEE 802, 8.2",
              "All vethC1 have different unicast MAC addresses, none of which is br0's or another port's.", {"links"},
              "Of two machines with one MAC address the bridge can know only the one that spoke last."),
      of.must(
          "addresses", "tutorial part 2, configuring the interfaces inside; rtnetlink(7)",
          "Each vethC1 has exactly the C-th address after the bridge's, with prefix length 21 (IPv6: 64); no vethC0 "
          "has one.",
          {"links"},
          "A longer prefix sends packets for others to the gateway; a shorter one has the container look for the "
          "world on its own link."),
      of.must("routes", "tutorial part 2, setting the default routes; ip-route(8)",
              "Each namespace has exactly the route to the subnet, out of its own link, and exactly one default route, "
              "via the bridge's address.",
              {"links"}, "Without its default route a container reaches nothing but its subnet."),
  };
}

std::vector<Requirement> reachability(const suites::Catalogue& of) {
  return {
      of.must(
          "neighbour-resolution", "RFC 826; RFC 4861, 7.2; RFC 1122, 3.2.2.6; RFC 4443, 4",
          "Each container, knowing nothing, asks for the bridge's address and is answered with br0's MAC address; the "
          "node then knows the container's address to be at vethC1's; each answers the other's echo.",
          {"links-up"}, "An answer by somebody else sends all that the container sends to the outside elsewhere."),
      of.must(
          "sampled-pairs", "RFC 826; RFC 4861, 7.2; IEEE 802.1D, 7",
          "Of a seeded sample of ordered pairs of containers each sender, knowing nothing, resolves the receiver's "
          "address afresh, the receiver itself answers, and every echo arrives there with TTL 64 and is answered once.",
          {"links-up"},
          "The full mesh rests on neighbour entries that the harness made: this shows that they can be had without."),
      of.must(
          "mesh", "tutorial part 2, checks; IEEE 802.1D, 7; RFC 1122, 3.2.2.6; RFC 4443, 4",
          "Each container reaches every other one: of all ordered pairs the request arrives from the sender's address "
          "with TTL 64 (bridged, not routed) and its own payload, and is answered so, once.",
          {"namespaces", "links"}, "This is what the bridge is for."),
      of.must("tear-down", "tutorial part 2, clean-up; ip-netns(8), ip-link(8)",
              "After tear-down, once the kernel has deleted the links, the node is exactly as before the build.", {},
              "What is left behind breaks the next build, or stays on the machine for good."),
  };
}

}  // namespace

std::vector<Requirement> requirements() {
  const suites::Catalogue of("bridge-scale", "tutorial part 2");
  std::vector<Requirement> all = what_is_declared(of);
  suites::add(all, of.closed_world());
  all.push_back(of.must(
      "no-other-forwarding", "tutorial part 2 (closed world: what is not declared is not there); bridge(8), fdb",
      "No entry of the bridge's forwarding database was made by hand: they are learned, or the links' "
      "own.",
      {}, "A static entry sends a container's packets to a port where it may no longer be, for ever."));
  suites::add(all, reachability(of));
  return all;
}

}  // namespace netns_lab::bridge_scale
